// The status page in a browser: headless Chromium by way of playwright-core, in front of the demo.
//
//   node .ci/status-page.mjs GATEWAY PLAYWRIGHT PICTURES [SECONDS]
//
// PLAYWRIGHT is the folder of playwright-core, PICTURES where the screenshots go, SECONDS how long
// there is traffic before they are taken. Prints `ok ...` or `FAIL ...` for each check.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import http from "node:http";

const [gateway, playwright, pictures, seconds = "6"] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(resolve(playwright));
const PATIENCE = 15_000;
const SIZES = { desk: { width: 1280, height: 900 }, tablet: { width: 768, height: 1024 },
  phone: { width: 360, height: 740 } };
const EVENTS_SHOWN = 6;

let failures = 0;

async function check(what, holds) {
  try {
    await holds();
    console.log(`ok   page: ${what}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL page: ${what}: ${error.message.split("\n").slice(0, 4).join(" ")}`);
  }
}

function same(found, expected) {
  const [a, b] = [found, expected].map(value => JSON.stringify(value));
  if (a !== b) throw new Error(`found ${a}, expected ${b}`);
}

/// Starts the demo; gives its addresses.
async function start() {
  const child = spawn(gateway, ["demo", "--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  for await (const piece of child.stdout) {
    text += piece;
    if (text.includes("Ctrl-C")) break;
  }
  child.stdout.resume();
  const [front, office] = ["Open", "Watch"].map(word => text.match(`${word} +(http:[^ \\n]*)`)[1]);
  return { child, front, office };
}

/// Requests and tunnels of all kinds until told to stop.
function traffic({ front }) {
  let going = true;
  const agent = new http.Agent({ keepAlive: true });
  const ask = (method, path, body) => new Promise(done => {
    const request = http.request(front + path, { method, agent }, response => {
      response.resume().on("end", done);
    });
    request.on("error", done).end(body);
  });
  const lane = async number => {
    for (let turn = number; going; turn += 1) {
      const path = turn % 9 === 0 ? "nothing" : turn % 4 === 0 ? "" : "whoami";
      await ask("GET", path);
      await pause(8 + 30 * Math.abs(Math.sin(turn / 40)));
    }
  };
  const burst = async () => {
    for (let turn = 1; going; turn += 1) {
      await pause(900);
      const size = 4 + 24 * (turn % 3);
      const content = Buffer.alloc(300_000, "tide");
      await Promise.all(Array.from({ length: size }, () => ask("POST", "echo", content)));
    }
  };
  const sockets = new Set();
  const tunnels = async () => {
    for (let turn = 0; going; turn += 1) {
      // On a busy machine a probe may be late, and then there is no server for a moment.
      const fresh = await tunnel(front).catch(() => undefined);
      if (fresh) sockets.add(fresh);
      for (const socket of sockets) {
        if (socket.writable) socket.write(frame(0x81, `hello ${turn}`));
      }
      // A server of the demo takes only so many at once.
      if (sockets.size > 24 || (turn % 3 === 2 && sockets.size > 0)) {
        const [oldest] = sockets;
        sockets.delete(oldest);
        oldest.write(frame(0x88, "\x03\xe8"));
      }
      await pause(400);
    }
  };
  const all = [...Array.from({ length: 8 }, (_, number) => lane(number)), burst(), tunnels()];
  return async () => {
    going = false;
    await Promise.all(all);
    sockets.forEach(socket => socket.destroy());
    agent.destroy();
  };
}

/// A frame of a client (RFC 6455 5.2), masked with zeros.
function frame(head, text) {
  const payload = Buffer.from(text, "latin1");
  return Buffer.concat([Buffer.from([head, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function tunnel(front) {
  const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13,
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
  return new Promise((done, fail) => {
    const request = http.request(`${front}echo`, { headers, agent: false });
    request.on("upgrade", (_, socket) => done(socket.on("error", () => {}).on("data", () => {})));
    request.on("response", response => fail(new Error(`no tunnel: ${response.statusCode}`)));
    request.on("error", fail).end();
  });
}

const status = async demo => (await fetch(`${demo.office}status`)).json();
const number = page => page.evaluate(() => {
  const tile = [...document.querySelectorAll(".numbers .card")]
    .find(card => card.textContent.startsWith("requests"));
  const [, digits, letter] = tile.textContent.match(/requests([\d.]+)([kMG]?)/);
  return digits * { "": 1, k: 1e3, M: 1e6, G: 1e9 }[letter];
});

/// The least contrast of text and what is behind it (WCAG 2.1, 1.4.3), and of what.
const contrast = page => page.evaluate(() => {
  const parse = color => color.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let worst = { ratio: 21, text: "" };
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
    const text = own.map(node => node.nodeValue.trim()).join("");
    if (!text || !element.checkVisibility() || element.closest("script,style,noscript")) continue;
    const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text };
  }
  return worst;
});

mkdirSync(pictures, { recursive: true });
const demo = await start();
const stop = traffic(demo);
// A profile of its own, empty, is made for each launch.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: SIZES.desk });
  page.setDefaultTimeout(PATIENCE);
  const asked = [];
  const complaints = [];
  page.on("request", request => asked.push(request.url()));
  page.on("console", message => complaints.push(message.text()));
  page.on("pageerror", error => complaints.push(error.message));
  await page.goto(demo.office);
  const card = (section, number) => page.locator(".server", {
    has: page.locator(`form[action^="servers/${section}/${number}/"]`) });

  await check("what happens is shown within seconds, without loading the page anew", async () => {
    const before = await number(page);
    await page.evaluate(() => { window.stays = true; });
    await page.waitForFunction(before => {
      const text = document.querySelector(".numbers").textContent;
      const [, digits, letter] = text.match(/requests([\d.]+)([kMG]?)/);
      return digits * { "": 1, k: 1e3, M: 1e6, G: 1e9 }[letter] > before + 50;
    }, before);
    same(await page.evaluate(() => window.stays), true);
  });

  await check("a server that turns sick is shown as down, and why", async () => {
    await fetch(`${demo.front}demo/servers/3/sick`, { method: "POST" });
    await card("http", 3).locator(".pill.down").waitFor();
    same(await card("http", 3).locator(".because").innerText(), "it answered with status 500");
    await page.locator("ol .pill.down").first().waitFor();
  });

  await check("the button drains a server, keeps the focus, and puts it back", async () => {
    const button = card("http", 1).locator("button");
    await button.focus();
    await page.keyboard.press("Enter");
    await card("http", 1).locator(".pill.out").waitFor();
    same(await button.innerText(), "Restore");
    same((await status(demo)).sections[0].servers[0].standing, "drained");
    same(await button.evaluate(element => element === document.activeElement), true);
    await button.click();
    await card("http", 1).locator(".pill.up").waitFor();
    same((await status(demo)).sections[0].servers[0].standing, "up");
    await card("websocket", 1).locator("button").click();
    await card("websocket", 1).locator(".pill.out").waitFor();
  });

  for (const name of ["desk", "tablet", "phone"]) {
    const size = SIZES[name];
    await check(`nothing has to be scrolled sideways at ${size.width} pixels`, async () => {
      await page.setViewportSize(size);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > size.width) throw new Error(`${wide} pixels wide on a ${name}`);
    });
  }

  await page.mouse.move(0, 0);
  await pause(Number(seconds) * 1000);
  // A sickness of the demo ends by itself; the picture shows one.
  await fetch(`${demo.front}demo/servers/3/sick`, { method: "POST" });
  await card("http", 3).locator(".pill.down").waitFor();
  const papers = {};
  for (const scheme of ["light", "dark"]) {
    await page.setViewportSize(SIZES.desk);
    // A bar that glides would be taken on its way.
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const height = await page.evaluate(count => {
      const events = document.querySelectorAll("ol li");
      return Math.floor(events[Math.min(count, events.length) - 1].getBoundingClientRect().bottom);
    }, EVENTS_SHOWN);
    await page.screenshot({ path: join(pictures, `status-${scheme}.png`), fullPage: true,
      clip: { x: 0, y: 0, width: SIZES.desk.width, height } });
    papers[scheme] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await check(`all text can be read in ${scheme}`, async () => {
      const { ratio, text } = await contrast(page);
      if (ratio < 4.5) throw new Error(`contrast ${ratio.toFixed(2)} of "${text}"`);
    });
    await page.setViewportSize(SIZES.phone);
    await page.screenshot({ path: join(pictures, `status-phone-${scheme}.png`), fullPage: true });
  }
  await check("dark is dark and light is light", async () => {
    const sum = color => color.match(/\d+/g).map(Number).reduce((a, b) => a + b);
    same([sum(papers.light) > 600, sum(papers.dark) < 150], [true, true]);
  });

  await check("without script it shows the same numbers, and the button works", async () => {
    const shown = await browser.newContext({ javaScriptEnabled: false });
    const plain = await shown.newPage();
    plain.setDefaultTimeout(PATIENCE);
    await plain.goto(demo.office);
    const text = await plain.locator("main").innerText();
    for (const part of ["server1", "busy", "tunnels", "p99", "ready"]) {
      if (!text.includes(part)) throw new Error(`no ${part}`);
    }
    await plain.locator('form[action="servers/http/2/drain"] button').click();
    await plain.locator('form[action="servers/http/2/restore"] button').click();
    await plain.locator('form[action="servers/http/2/drain"] button').waitFor();
    same(plain.url(), demo.office);
    await shown.close();
  });

  await check("nobody else is asked for anything, and nothing is complained of", async () => {
    same(asked.filter(url => !url.startsWith(demo.office) && !url.startsWith("data:")), []);
    same(complaints, []);
  });

  await stop();
  await check("when the gateway is gone the page says so", async () => {
    demo.child.kill("SIGKILL");
    await page.locator("#stale").waitFor({ state: "visible" });
  });
} finally {
  demo.child.kill("SIGKILL");
  await browser.close();
}
process.exit(failures > 0 ? 1 : 0);
