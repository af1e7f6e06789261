// HTTP clients that are not ours: Node's fetch and Node's http agent. Usage: node client.mjs ORIGIN
//
// Prints a line `ok ...` or `FAIL ...` for each check; the caller counts them.
import http from "node:http";
import { createHash } from "node:crypto";

const origin = process.argv[2];
const sha256 = bytes => createHash("sha256").update(bytes).digest("hex");

async function check(what, holds) {
  try {
    await holds();
    console.log(`ok   node: ${what}`);
  } catch (error) {
    console.log(`FAIL node: ${what}: ${error.cause ?? error}`);
  }
}

function same(found, expected) {
  if (found !== expected) throw new Error(`found ${found}, expected ${expected}`);
}

/// Runs `count` jobs, `lanes` at a time.
async function inLanes(count, lanes, job) {
  let next = 0;
  const lane = async () => { while (next < count) await job(next++); };
  await Promise.all(Array.from({ length: lanes }, lane));
}

await check("fetch, 400 requests on 16 lanes, each gets its own content back", () =>
  inLanes(400, 16, async number => {
    const content = Buffer.alloc(1 + number * 97, `${number} `);
    const response = await fetch(`${origin}/echo`, { method: "POST", body: content });
    same(response.status, 200);
    same(sha256(Buffer.from(await response.arrayBuffer())), sha256(content));
  }));

await check("fetch streams a request whose length it does not know", async () => {
  const piece = Buffer.alloc(64 * 1024, "tide");
  let left = 32;
  const body = new ReadableStream({
    pull(controller) { left-- > 0 ? controller.enqueue(piece) : controller.close(); },
  });
  const response = await fetch(`${origin}/hash`, { method: "POST", body, duplex: "half" });
  const found = await response.json();
  same(found.length, 32 * piece.length);
  same(found.sha256, sha256(Buffer.concat(Array(32).fill(piece))));
});

await check("an aborted fetch leaves the next ones alone", () =>
  inLanes(20, 4, async number => {
    const aborted = new AbortController();
    const response = await fetch(`${origin}/events`, { signal: aborted.signal });
    await response.body.getReader().read();
    aborted.abort();
    same(await (await fetch(`${origin}/echo?${number}`, { method: "POST", body: "a" })).text(), "a");
  }));

await check("an agent with 4 keep-alive sockets sends 200 requests on those 4", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const sockets = new Set();
  await inLanes(200, 8, () => new Promise((resolve, reject) => {
    const request = http.get(`${origin}/whoami`, { agent }, response => {
      sockets.add(request.socket);
      response.on("end", resolve).on("error", reject).resume();
    });
    request.on("error", reject);
  }));
  agent.destroy();
  same(sockets.size <= 4, true);
});

await check("a response that the server cuts short is an error, not a short success", async () => {
  const read = fetch(`${origin}/cut`).then(response => response.arrayBuffer());
  same(await read.then(() => "success", () => "error"), "error");
});

await check("a final response that comes before the content is read is delivered", async () => {
  const request = http.request(`${origin}/unread`, { method: "POST" });
  const status = new Promise((resolve, reject) => {
    request.on("response", response => resolve(response.resume().statusCode));
    request.on("error", reject);
  });
  request.write(Buffer.alloc(64 * 1024));
  same(await status, 413);
  request.on("error", () => {});
  request.destroy();
});
process.exit(0);
