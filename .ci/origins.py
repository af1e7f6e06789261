"""Servers with parsers of their own that tell what they parsed, and a tap to put before them.

Each of the servers repeats the target of a request as its response. `saw` ends it, and gives
method, target and content of every whole request. The first import installs what is missing of
Python's, in a folder under target.
"""

import asyncio
import collections
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = HERE.parent / "target/ci-python/bin/python"

try:
    import aiohttp.web
    import h11
except ImportError:
    if sys.executable == str(PYTHON):
        raise
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PYTHON.parent.parent], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "aiohttp", "h11"], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


# ---- The tap


class Strict(Exception):
    """The gateway wrote something that is not canonical."""


FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([^\x00-\x08\x0a-\x1f\x7f]*)")


def read_requests(data):
    """All whole requests, and whether an unfinished one follows."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return found, True
        lines = head.split(b"\r\n")
        start = re.fullmatch(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.1", lines[0])
        fields = [FIELD.fullmatch(line) for line in lines[1:]]
        if not start or not all(fields):
            raise Strict(f"no canonical head: {head!r}")
        values = collections.defaultdict(list)
        for field in fields:
            values[field[1].lower()].append(field[2])
        lengths, codings = values[b"content-length"], values[b"transfer-encoding"]
        if len(values[b"host"]) != 1 or len(lengths) + len(codings) > 1:
            raise Strict(f"two ways to read {head!r}")
        if codings:
            if codings != [b"chunked"]:
                raise Strict(f"coding {codings}")
            body = b""
            while True:
                line, end, rest = rest.partition(b"\r\n")
                if not end:
                    return found, True
                if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", line):
                    raise Strict(f"chunk size line {line!r}")
                size = int(line, 16)
                if size == 0:
                    break
                if len(rest) < size + 2:
                    return found, True
                if rest[size : size + 2] != b"\r\n":
                    raise Strict(f"no CRLF behind a chunk, but {rest[size:size + 2]!r}")
                body, rest = body + rest[:size], rest[size + 2 :]
            while True:
                line, end, rest = rest.partition(b"\r\n")
                if not end:
                    return found, True
                if not line:
                    break
                if not FIELD.fullmatch(line):
                    raise Strict(f"trailer {line!r}")
        else:
            size = 0
            if lengths:
                if not re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]):
                    raise Strict(f"Content-Length {lengths}")
                size = int(lengths[0])
            if len(rest) < size:
                return found, True
            body, rest = rest[:size], rest[size:]
        found.append((start[1], start[2], body))
        data = rest
    return found, False


class Tap:
    """Passes bytes on, and keeps those of both directions."""

    def __init__(self, origin_port):
        self.origin_port = origin_port
        self.recordings = []
        self.open = 0

    async def start(self):
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def relay(self, gateway_in, gateway_out):
        recording = {"asked": bytearray(), "answered": bytearray()}
        self.recordings.append(recording)
        self.open += 1
        origin_in, origin_out = await asyncio.open_connection("127.0.0.1", self.origin_port)

        async def copy(source, sink, kept):
            try:
                while piece := await source.read(65536):
                    kept += piece
                    sink.write(piece)
                    await sink.drain()
                sink.write_eof()
            except OSError:
                pass

        there = asyncio.create_task(copy(gateway_in, origin_out, recording["asked"]))
        await copy(origin_in, gateway_out, recording["answered"])
        gateway_out.close()  # As a server that has no more to say does.
        await there
        origin_out.close()
        self.open -= 1


# ---- The servers


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def until_listening(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


class Node:
    name = "node"

    async def start(self, folder):
        self.port = free_port()
        self.log = open(folder / "node.log", "w+")
        self.process = subprocess.Popen(
            ["node", HERE / "witness.mjs", str(self.port)], stdout=self.log
        )
        await until_listening(self.port)

    async def saw(self):
        self.process.terminate()
        self.process.wait()
        self.log.seek(0)
        rows = [json.loads(line) for line in self.log if line != "ready\n"]
        return [(m.encode(), t.encode("latin-1"), bytes.fromhex(b)) for m, t, b in rows]


class Nginx:
    name = "nginx"
    CONF = """daemon off; master_process off; pid {0}/pid; error_log {0}/error.log crit;
events {{ worker_connections 512; }}
http {{
  log_format seen escape=json '["$request_method","$request_uri","$request_body",$status]';
  client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
  uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; client_body_buffer_size 1m; client_body_in_single_buffer on; access_log off;
  large_client_header_buffers 4 32k; keepalive_requests 100000; keepalive_timeout 600s;
  server {{ listen 127.0.0.1:{1}; access_log {0}/seen seen; merge_slashes off;
    location / {{ proxy_pass http://127.0.0.1:{2}; proxy_set_header Connection close; }} }}
  server {{ listen 127.0.0.1:{2}; location / {{ return 200 "$request_uri"; }} }} }}
"""

    async def start(self, folder):
        self.port = free_port()
        self.folder = folder
        (folder / "conf").write_text(self.CONF.format(folder, self.port, free_port()))
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "conf"])
        await until_listening(self.port)

    async def saw(self):
        self.process.terminate()
        self.process.wait()
        # By line feeds alone: `splitlines` also splits at characters that a target may hold.
        lines = (self.folder / "seen").read_text("latin-1").split("\n")
        rows = [json.loads(line) for line in lines if line]
        return [tuple(part.encode("latin-1") for part in row[:3]) for row in rows if row[3] == 200]


class Aiohttp:
    name = "aiohttp"

    async def start(self, _):
        self.rows = []

        async def witness(request):
            body = await request.read()
            self.rows.append(
                (request.method.encode(), request.raw_path.encode("utf-8", "surrogateescape"), body)
            )
            return aiohttp.web.Response(body=self.rows[-1][1])

        # What the content means is no concern of the framing.
        server = aiohttp.web.Server(
            witness, keepalive_timeout=600, access_log=None, auto_decompress=False
        )
        self.runner = aiohttp.web.ServerRunner(server)
        await self.runner.setup()
        site = aiohttp.web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def saw(self):
        await self.runner.cleanup()
        return self.rows


class H11:
    name = "h11"

    async def start(self, _):
        self.rows = []
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
        asked, body = None, b""
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(65536))
                elif event is h11.PAUSED:
                    connection.start_next_cycle()
                elif isinstance(event, h11.Request):
                    asked, body = event, b""
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self.rows.append((bytes(asked.method), bytes(asked.target), body))
                    content = b"" if asked.method == b"HEAD" else bytes(asked.target)
                    fields = [("Content-Length", str(len(asked.target)))]
                    for event in (
                        h11.Response(status_code=200, headers=fields),
                        h11.Data(data=content),
                        h11.EndOfMessage(),
                    ):
                        writer.write(connection.send(event) or b"")
                    await writer.drain()
                    if connection.our_state is h11.MUST_CLOSE:
                        break
                else:
                    break
        except h11.RemoteProtocolError as error:
            writer.write(
                b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                % error.error_status_hint
            )
        except OSError:
            pass
        writer.close()

    async def saw(self):
        self.server.close()
        return self.rows


class Apache:
    """Apache as a gateway in front of h11, which tells what Apache understood and wrote anew."""

    name = "apache"
    MODULES = ["mpm_event", "authz_core", "proxy", "proxy_http"]
    CONF = """ServerRoot {0}
ServerName origin.test
PidFile {0}/pid
DefaultRuntimeDir {0}
ErrorLog {0}/error.log
{1}
Listen 127.0.0.1:{2}
User www-data
Group www-data
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MaxKeepAliveRequests 0
LimitRequestFields 200
KeepAliveTimeout 600
MergeSlashes Off
AllowEncodedSlashes NoDecode
ProxyRequests Off
ProxyPass / http://127.0.0.1:{3}/ nocanon
ProxyAddHeaders Off
Proxy100Continue Off
"""

    async def start(self, folder):
        self.behind = H11()
        await self.behind.start(folder)
        self.port = free_port()
        modules = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
            for name in self.MODULES
        )
        conf = self.CONF.format(folder, modules, self.port, self.behind.port)
        (folder / "conf").write_text(conf)
        self.process = subprocess.Popen(["apache2", "-f", folder / "conf", "-D", "FOREGROUND"])
        await until_listening(self.port)

    async def saw(self):
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)
        return await self.behind.saw()


ORIGINS = (Node, Aiohttp, H11, Nginx, Apache)
