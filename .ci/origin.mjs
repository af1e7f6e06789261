// An HTTP server that is not ours: Node's own. Usage: node origin.mjs PORT NAME
//
//   /healthCheck      {"status":200}, or 500 after POST /sick until POST /well
//   /whoami           the name
//   /echo             the content of the request, as it comes
//   /hash             length, SHA-256 and framing of the content, as JSON
//   /fields           the field lines of the request as they came, as JSON
//   /events           one event at once, and the last only after POST /release
//   /unread           answers 413 at once and never reads the content
//   /slow?ms=N        the name, after N milliseconds
//   /cut              promises 1000 bytes, sends 10 and cuts the connection
import http from "node:http";
import { createHash } from "node:crypto";

const [port, name] = process.argv.slice(2);
let sick = false;
const held = new Set();

const routes = {
  "/healthCheck": (request, response) => {
    const status = sick ? 500 : 200;
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ status }));
  },
  "/sick": (request, response) => { sick = true; response.end(); },
  "/well": (request, response) => { sick = false; response.end(); },
  "/whoami": (request, response) => response.end(name),
  "/echo": (request, response) => request.pipe(response),
  "/hash": (request, response) => {
    const hash = createHash("sha256");
    let length = 0;
    request.on("data", piece => { hash.update(piece); length += piece.length; });
    request.on("end", () => response.end(JSON.stringify({
      length, sha256: hash.digest("hex"),
      framing: request.headers["transfer-encoding"] ?? request.headers["content-length"],
    })));
  },
  "/fields": (request, response) => {
    const lines = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      lines.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    response.end(JSON.stringify({ target: request.url, lines }));
  },
  "/events": (request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: first\n\n");
    held.add(response);
  },
  "/release": (request, response) => {
    for (const waiting of held) waiting.end("data: last\n\n");
    held.clear();
    response.end();
  },
  "/unread": (request, response) => {
    response.writeHead(413, { Connection: "close" });
    response.end("too large");
  },
  "/slow": (request, response) =>
    setTimeout(() => response.end(name), Number(request.url.split("ms=")[1] ?? 0)),
  "/cut": (request, response) => {
    response.writeHead(200, { "Content-Length": 1000 });
    response.write("0123456789", () => request.socket.destroy());
  },
};

const server = http.createServer((request, response) => {
  const route = routes[request.url.split("?")[0]];
  if (route) return route(request, response);
  response.statusCode = 404;
  response.end();
});
server.keepAliveTimeout = 5000;
server.listen(Number(port), "127.0.0.1");
