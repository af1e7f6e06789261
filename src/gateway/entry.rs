//! How does a line of the access log read? Written without allocation.
//!
//! ```text
//! common: PEER - - [DAY/MONTH/YEAR:TIME +0000] "METHOD TARGET VERSION" STATUS BYTES, then of our
//!         own: section= server= worker= wait= connect= first= total= retries= reason= id=
//! json:   the same as one object a line: time, peer, request, status, bytes, section, server,
//!         worker, wait, connect, first_byte, total, retries, reason, id
//! ```
//!
//! Durations are seconds with microseconds; `-` (in JSON null) where there was none. A tunnel has
//! two lines of one id, with the reasons `tunnel_open` and `tunnel_close`. The second one's `total`
//! is its life, its `bytes` are those of both directions, and behind them it has of its own:
//!
//! ```text
//! common: by= code= why= messages=FROM_CLIENT/FROM_SERVER bytes=FROM_CLIENT/FROM_SERVER
//!         control_frames= longest_idle=
//! json:   closed_by, close_code, why, messages_from_client, messages_from_server,
//!         bytes_from_client, bytes_from_server, control_frames, longest_idle
//! ```

use crate::admin::tunnels::TunnelSums;
use crate::config::{Access, Address};
use crate::peer::Peer;
use std::fmt::{self, Display};
use std::io::Write;
use std::time::Duration;

/// What one line tells.
#[derive(Debug)]
pub struct Entry<'a> {
    /// When, as a `Date` field has it.
    pub date: &'a [u8; 29],
    /// The client.
    pub peer: Peer,
    /// Method, target and version; `-` when they are not known.
    pub request: &'a [u8],
    /// The status that the client was given; 0 when it got none.
    pub status: u16,
    /// Bytes of content that came from the server, or through the tunnel.
    pub bytes: u64,
    /// Why it ended: `relayed`, `cut`, `tunnel_open`, `tunnel_close` or the word of our answer.
    pub reason: &'a str,
    /// Whose connection it went by, if it got that far.
    pub server: Option<Served<'a>>,
    /// From the request's head to the last byte.
    pub total: Duration,
    /// Connections that were made for it after one had failed.
    pub retries: usize,
    /// What the request is called everywhere; empty when it is not known.
    pub id: &'a [u8],
    /// Of a tunnel that has ended: how.
    pub ended: Option<Ended<'a>>,
}

/// How a tunnel ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Who announced it: `client`, `server` or `gateway`.
    pub by: &'static str,
    /// The code of the first Close (RFC 6455 7.4.1); 1006 without one.
    pub code: u16,
    /// Why the gateway ended it, if it did.
    pub why: Option<&'static str>,
    /// What it carried.
    pub sums: &'a TunnelSums,
}

/// By whom, and how fast.
#[derive(Debug)]
pub struct Served<'a> {
    /// The section's name.
    pub section: &'static str,
    /// Where the server is.
    pub address: &'a Address,
    /// Whether the connection had served before, if that is of interest.
    pub reused: Option<bool>,
    /// How long the request waited for it.
    pub wait: Option<Duration>,
    /// How long it took to make, if it was made for this request.
    pub connect: Option<Duration>,
    /// From then to the first byte of the response.
    pub first_byte: Option<Duration>,
}

impl Entry<'_> {
    /// Writes the line, with its end; nothing when the log is off.
    pub fn write(&self, form: Access, out: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let _ = match form {
            Access::Off => Ok(()),
            Access::Common => self.write_common(out),
            Access::Json => self.write_json(out),
        };
    }

    fn write_common(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let date = Date::of(self.date);
        write!(
            out,
            "{} - - [{}/{}/{}:{} +0000] \"",
            self.peer, date.day, date.month, date.year, date.time
        )?;
        for byte in self.request {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                b' '..=b'~' => out.push(*byte),
                byte => write!(out, "\\x{byte:02x}")?,
            }
        }
        write!(out, "\" {} {}", self.status, self.bytes)?;
        match &self.server {
            Some(served) => write!(
                out,
                " section={} server={} worker={} wait={} connect={} first={}",
                served.section,
                served.address,
                served.worker("-"),
                Seconds(served.wait, "-"),
                Seconds(served.connect, "-"),
                Seconds(served.first_byte, "-")
            )?,
            None => write!(out, " section=- server=- worker=- wait=- connect=- first=-")?,
        }
        let (total, retries, reason) = (Seconds(Some(self.total), "-"), self.retries, self.reason);
        write!(out, " total={total} retries={retries} reason={reason} id=")?;
        out.extend_from_slice(if self.id.is_empty() { b"-" } else { self.id });
        if let Some(Ended { by, code, why, sums }) = &self.ended {
            write!(out, " by={by} code={code} why=")?;
            let why = why.unwrap_or("-").bytes();
            out.extend(why.map(|byte| if byte == b' ' { b'_' } else { byte }));
            write!(
                out,
                " messages={}/{} bytes={}/{} control_frames={} longest_idle={}",
                sums.messages_from_client,
                sums.messages_from_server,
                sums.bytes_from_client,
                sums.bytes_from_server,
                sums.control_frames,
                Seconds(Some(sums.longest_idle), "")
            )?;
        }
        out.push(b'\n');
        Ok(())
    }

    fn write_json(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let date = Date::of(self.date);
        write!(
            out,
            "{{\"time\":\"{}-{}-{}T{}Z\",\"peer\":\"{}\",\"request\":",
            date.year,
            date.month_number(),
            date.day,
            date.time,
            self.peer
        )?;
        quote(self.request, out)?;
        write!(out, ",\"status\":{},\"bytes\":{}", self.status, self.bytes)?;
        match &self.server {
            Some(served) => write!(
                out,
                ",\"section\":\"{}\",\"server\":\"{}\",\"worker\":{},\"wait\":{},\
                 \"connect\":{},\"first_byte\":{}",
                served.section,
                served.address,
                Word(served.worker("")),
                Seconds(served.wait, "null"),
                Seconds(served.connect, "null"),
                Seconds(served.first_byte, "null")
            )?,
            None => out.extend_from_slice(
                b",\"section\":null,\"server\":null,\"worker\":null,\"wait\":null,\
                  \"connect\":null,\"first_byte\":null",
            ),
        }
        let (total, retries, reason) = (Seconds(Some(self.total), ""), self.retries, self.reason);
        write!(out, ",\"total\":{total},\"retries\":{retries},\"reason\":\"{reason}\",\"id\":")?;
        quote(self.id, out)?;
        if let Some(Ended { by, code, why, sums }) = &self.ended {
            write!(out, ",\"closed_by\":\"{by}\",\"close_code\":{code},\"why\":")?;
            match why {
                Some(why) => quote(why.as_bytes(), out)?,
                None => out.extend_from_slice(b"null"),
            }
            write!(
                out,
                ",\"messages_from_client\":{},\"messages_from_server\":{},\
                 \"bytes_from_client\":{},\"bytes_from_server\":{},\"control_frames\":{},\
                 \"longest_idle\":{}",
                sums.messages_from_client,
                sums.messages_from_server,
                sums.bytes_from_client,
                sums.bytes_from_server,
                sums.control_frames,
                Seconds(Some(sums.longest_idle), "")
            )?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

impl<'a> Served<'a> {
    /// By that server; there is nothing to tell of the connection.
    pub fn by(section: &'static str, address: &'a Address) -> Self {
        Self { section, address, reused: None, wait: None, connect: None, first_byte: None }
    }

    fn worker(&self, none: &'static str) -> &'static str {
        match self.reused {
            None => none,
            Some(false) => "new",
            Some(true) => "reused",
        }
    }
}

/// A JSON string. Bytes that are no ASCII are written as the characters of that number.
fn quote(bytes: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            byte => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.push(b'"');
    Ok(())
}

/// A word in JSON; null when it is empty.
struct Word(&'static str);

impl Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("null"),
            word => write!(f, "\"{word}\""),
        }
    }
}

/// Seconds, or the word for none.
struct Seconds(Option<Duration>, &'static str);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{}.{:06}", time.as_secs(), time.subsec_micros()),
            None => f.write_str(self.1),
        }
    }
}

/// The parts of an IMF-fixdate, whose places are fixed (RFC 9110 5.6.7).
struct Date<'a> {
    day: &'a str,
    month: &'a str,
    year: &'a str,
    time: &'a str,
}

impl<'a> Date<'a> {
    fn of(date: &'a [u8; 29]) -> Self {
        let text = std::str::from_utf8(date).unwrap_or_default();
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        Self { day: part(5..7), month: part(8..11), year: part(12..16), time: part(17..25) }
    }

    fn month_number(&self) -> &'static str {
        const MONTHS: [(&str, &str); 12] = [
            ("Jan", "01"),
            ("Feb", "02"),
            ("Mar", "03"),
            ("Apr", "04"),
            ("May", "05"),
            ("Jun", "06"),
            ("Jul", "07"),
            ("Aug", "08"),
            ("Sep", "09"),
            ("Oct", "10"),
            ("Nov", "11"),
            ("Dec", "12"),
        ];
        let found = MONTHS.iter().find(|(name, _)| *name == self.month);
        found.map_or("00", |(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::date::imf_fixdate;
    use serde_json::Value;

    fn line(form: Access, request: &[u8], server: Option<Served<'_>>) -> String {
        line_of(form, request, server, None)
    }

    fn line_of(
        form: Access,
        request: &[u8],
        server: Option<Served<'_>>,
        ended: Option<Ended<'_>>,
    ) -> String {
        let entry = Entry {
            date: &imf_fixdate(784_111_777),
            peer: Peer::Ip("::1".parse().unwrap()),
            request,
            status: 200,
            bytes: 12,
            reason: "relayed",
            server,
            total: Duration::from_micros(1_000_042),
            retries: 1,
            id: b"abc",
            ended,
        };
        let mut out = Vec::new();
        entry.write(form, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn served(address: &Address) -> Option<Served<'_>> {
        let wait = Some(Duration::from_millis(2));
        let (section, first_byte) = ("http", Some(Duration::ZERO));
        Some(Served { section, address, reused: Some(true), wait, connect: None, first_byte })
    }

    #[test]
    fn a_line_is_common_up_to_its_bytes_and_our_own_behind() {
        let address = Address::Tcp { host: "10.0.0.1".to_owned(), port: 80 };
        assert_eq!(
            line(Access::Common, b"GET /\"a\x80 HTTP/1.1", served(&address)),
            "::1 - - [06/Nov/1994:08:49:37 +0000] \"GET /\\\"a\\x80 HTTP/1.1\" 200 12 \
             section=http server=10.0.0.1:80 worker=reused wait=0.002000 connect=- first=0.000000 \
             total=1.000042 retries=1 reason=relayed id=abc\n"
        );
        assert!(line(Access::Common, b"-", None).contains(" section=- server=- "));
        assert_eq!(line(Access::Off, b"-", None), "");
    }

    #[test]
    fn every_request_makes_one_json_object_on_one_line() {
        let address = Address::Tcp { host: "::1".to_owned(), port: 80 };
        let all: Vec<u8> = (0..=255).collect();
        for server in [served(&address), None] {
            let is_served = server.is_some();
            let text = line(Access::Json, &all, server);
            assert_eq!(text.matches('\n').count(), 1);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["time"], "1994-11-06T08:49:37Z");
            assert_eq!(value["total"], 1.000_042);
            assert_eq!(value["connect"], Value::Null);
            assert_eq!(value["request"].as_str().map(|text| text.chars().count()), Some(256));
            let server = if is_served { Value::from("[::1]:80") } else { Value::Null };
            assert_eq!(value["server"], server);
        }
    }

    #[test]
    fn the_end_of_a_tunnel_says_how_it_ended_behind_the_same_fields() {
        let address = Address::Tcp { host: "10.0.0.1".to_owned(), port: 80 };
        let sums = TunnelSums {
            messages_from_client: 1,
            messages_from_server: 2,
            bytes_from_client: 3,
            bytes_from_server: 4,
            control_frames: 5,
            longest_idle: Duration::from_millis(1500),
            ..TunnelSums::new()
        };
        let of = |form, why| {
            let ended = Ended { by: "gateway", code: 1000, why, sums: &sums };
            line_of(form, b"-", Some(Served::by("websocket", &address)), Some(ended))
        };
        assert_eq!(
            of(Access::Common, Some("idle timeout")),
            "::1 - - [06/Nov/1994:08:49:37 +0000] \"-\" 200 12 section=websocket \
             server=10.0.0.1:80 worker=- wait=- connect=- first=- total=1.000042 retries=1 \
             reason=relayed id=abc by=gateway code=1000 why=idle_timeout messages=1/2 bytes=3/4 \
             control_frames=5 longest_idle=1.500000\n"
        );
        for why in [None, Some("idle timeout")] {
            let value: Value = serde_json::from_str(&of(Access::Json, why)).unwrap();
            assert_eq!(value["why"], why.map_or(Value::Null, Value::from));
            assert_eq!(
                (&value["closed_by"], &value["close_code"]),
                (&"gateway".into(), &1000.into())
            );
            assert_eq!(
                (&value["bytes_from_server"], &value["longest_idle"]),
                (&4.into(), &1.5.into())
            );
            assert_eq!((&value["worker"], &value["id"]), (&Value::Null, &"abc".into()));
        }
    }
}
