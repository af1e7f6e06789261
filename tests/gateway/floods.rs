//! Much ado about nothing: legal bytes of which almost none is content. They cross, or are dropped,
//! and cost no memory.

use crate::origin::{Origin, ok};
use crate::support::{Gateway, config, in_front_of, websocket};
use crate::websocket::tunnel;
use crate::wire::{End, Wire};
use std::thread;

/// What the gateway may grow by.
const GROWTH_MAX: u64 = 1 << 20;

/// So many chunks of a byte, each with as long an extension as is allowed.
fn extended_chunks(count: usize) -> String {
    format!("1;{}\r\nx\r\n", "e".repeat(255)).repeat(count) + "0;last\r\n\r\n"
}

#[test]
fn chunk_extensions_are_dropped_however_many_there_are() {
    const COUNT: usize = 4000;
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let before = gateway.peak_memory();
    let mut client = gateway.client();
    let flood = extended_chunks(COUNT);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}{flood}"));
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.body.content, vec![b'x'; COUNT]);
    server.send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{flood}"));
    let response = client.response();
    assert_eq!(response.text(), "x".repeat(COUNT));
    assert!(gateway.peak_memory() - before < GROWTH_MAX);
    // Both connections are in step.
    client.ask("GET", "/next");
    assert_eq!(server.request().head.target(), "/next");
    server.send(ok("next"));
    assert_eq!(client.response().text(), "next");
}

#[test]
fn frames_that_hold_nothing_cross_however_many_there_are() {
    let origin = Origin::bind();
    let gateway = Gateway::start(&config("", &websocket(&[origin.address()], "")));
    // Empty texts, fragments of nothing, Pings and Pongs; a client's with their masking keys.
    let kinds = [&[0x81_u8][..], &[0x01, 0x00, 0x80], &[0x89], &[0x8a]].concat();
    let flood = |key: &[u8]| {
        let mask = if key.is_empty() { 0 } else { 0x80 };
        let frame = |first: &u8| [&[*first, mask][..], key].concat();
        kinds.iter().flat_map(frame).collect::<Vec<_>>().repeat(20_000)
    };
    for (client_speaks, key) in [(true, &b"mask"[..]), (false, b"")] {
        let (client, server) = tunnel(&gateway, &origin);
        let (mut speaker, mut hearer) = (Wire::from(client), Wire::from(server));
        if !client_speaks {
            std::mem::swap(&mut speaker, &mut hearer);
        }
        let before = gateway.peak_memory();
        let bytes = flood(key);
        let expected = bytes.clone();
        let speaking = thread::spawn(move || {
            speaker.send(bytes);
            speaker
        });
        assert!(hearer.exactly(expected.len()) == expected, "the frames are not those sent");
        assert!(gateway.peak_memory() - before < GROWTH_MAX);
        let mut speaker = speaking.join().expect("all was sent");
        hearer.send("still there");
        assert_eq!(speaker.exactly(11), b"still there");
    }
}

#[test]
fn a_frame_of_2_to_the_63_bytes_or_a_little_less_is_waited_for_by_nobody_here() {
    let origin = Origin::bind();
    let gateway = Gateway::start(&config("", &websocket(&[origin.address()], "")));
    // The most that a frame may hold, and one more (RFC 6455 5.2).
    for length in [i64::MAX as u64, 1 << 63, u64::MAX] {
        let (client, server) = tunnel(&gateway, &origin);
        let (mut client, mut server) = (Wire::from(client), Wire::from(server));
        let header = [&[0x82, 0xff][..], &length.to_be_bytes(), b"mask"].concat();
        client.send(&header);
        client.send("the beginning");
        assert_eq!(server.exactly(header.len()), header, "{length}");
        assert_eq!(server.exactly(13), b"the beginning", "{length}");
        client.finish();
        assert_eq!(server.end(), End::Fin, "{length}");
    }
}
