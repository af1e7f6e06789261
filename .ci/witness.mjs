// A server of Node's that tells what it parsed. Usage: node witness.mjs PORT
//
// One line of JSON per whole request, with its content in hex; the response repeats the target.
import http from "node:http";

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", piece => pieces.push(piece));
  request.on("error", () => {});
  request.on("end", () => {
    const { method, url } = request;
    console.log(JSON.stringify([method, url, Buffer.concat(pieces).toString("hex")]));
    response.end(url);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
