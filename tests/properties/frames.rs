//! Frame boundaries: the tracker sees them where a reader sees them who has all the bytes at hand.

use tidegate::websocket::boundary::{NO_CODE, Sender, Tracker, close_frame, ping_frame};

use super::cuts::{lengths, under_every_cut};

/// What is known of a stream of frames after its last byte.
#[derive(Debug, Default, PartialEq, Clone)]
struct Known {
    at_boundary: bool,
    lost: bool,
    in_message: bool,
    messages: u64,
    control_frames: u32,
    close: Option<u16>,
}

/// The header of one frame, as RFC 6455 5.2 draws it.
struct Header {
    fin: bool,
    opcode: u8,
    key: [u8; 4],
    /// Bytes of header.
    len: usize,
    /// Bytes of payload data.
    payload: u64,
}

enum Read {
    Header(Header),
    Unfinished,
    Illegal,
}

/// Follows `bytes` as a client's frames and as a server's.
pub fn boundary(bytes: &[u8]) {
    for sender in [Sender::Client, Sender::Server] {
        for length in lengths(bytes) {
            let (came, comes) = bytes.split_at(length);
            let mut tracker = Tracker::new(sender);
            tracker.follow(came);
            let known = plain(sender, came);
            assert_eq!(of(&tracker), known, "{sender:?}: {}", came.escape_ascii());

            let taken = tracker.finish_frame(comes);
            let edge = (0..=comes.len())
                .take_while(|_| !known.lost)
                .find(|more| plain(sender, &bytes[..length + more]).at_boundary);
            assert_eq!(taken, edge.unwrap_or(comes.len()), "{sender:?}: {}", came.escape_ascii());
        }
        let followed = under_every_cut(bytes, |pieces| {
            let mut tracker = Tracker::new(sender);
            pieces.for_each(|piece| tracker.follow(piece));
            of(&tracker)
        });
        if followed.at_boundary {
            own_frames_fit(sender, bytes, &followed);
        }
    }
}

/// Frames of the gateway's own may stand at a boundary, and are what they were meant to be.
fn own_frames_fit(sender: Sender, bytes: &[u8], before: &Known) {
    let key = (sender == Sender::Client).then_some([0xa1, 0, 7, 0x5c]);
    let reason = String::from_utf8_lossy(bytes);
    let code = bytes.iter().fold(1000, |code: u16, byte| code.wrapping_mul(31) ^ u16::from(*byte));
    let sendable = code >= 1000 && !matches!(code, 1005 | 1006 | 1015);
    let close = close_frame(code, &reason, key);
    for (frame, said) in [
        (ping_frame(bytes, key), before.close),
        (close, before.close.or(Some(if sendable { code } else { NO_CODE }))),
    ] {
        assert!(frame.len() <= 2 + 4 + 125);
        let after = plain(sender, &[bytes, &frame].concat());
        let expected =
            Known { control_frames: before.control_frames + 1, close: said, ..before.clone() };
        assert_eq!(after, expected);
    }
}

fn of(tracker: &Tracker) -> Known {
    Known {
        at_boundary: tracker.at_boundary(),
        lost: tracker.is_lost(),
        in_message: tracker.in_message(),
        messages: tracker.messages(),
        control_frames: tracker.control_frames(),
        close: tracker.saw_close(),
    }
}

/// Reads frame after frame from the beginning.
fn plain(sender: Sender, bytes: &[u8]) -> Known {
    let mut known = Known::default();
    let mut rest = bytes;
    loop {
        if rest.is_empty() {
            known.at_boundary = true;
            return known;
        }
        let header = match header(sender, rest, known.in_message) {
            Read::Header(header) => header,
            Read::Unfinished => return known,
            Read::Illegal => return Known { lost: true, ..known },
        };
        let payload = &rest[header.len..];
        if header.opcode == 8 && known.close.is_none() {
            known.close = match (header.payload, payload) {
                (0, _) => Some(NO_CODE),
                (_, [high, low, ..]) => {
                    let code = u16::from_be_bytes([high ^ header.key[0], low ^ header.key[1]]);
                    Some(code).filter(|code| *code != 0)
                }
                _ => None,
            };
        }
        if (payload.len() as u64) < header.payload {
            return known;
        }
        rest = &payload[header.payload as usize..];
        match header.opcode {
            8 => {
                known.close = known.close.or(Some(NO_CODE));
                known.control_frames += 1;
            }
            9 | 10 => known.control_frames += 1,
            _ => {
                known.in_message = !header.fin;
                known.messages += u64::from(header.fin);
            }
        }
    }
}

fn header(sender: Sender, bytes: &[u8], in_message: bool) -> Read {
    let (fin, opcode) = (bytes[0] & 0x80 != 0, bytes[0] & 0x0f);
    let legal = match opcode {
        0 => in_message,
        1 | 2 => !in_message,
        8..=10 => fin,
        _ => false,
    };
    if !legal {
        return Read::Illegal;
    }
    let Some(second) = bytes.get(1) else { return Read::Unfinished };
    let masked = second & 0x80 != 0;
    let short = second & 0x7f;
    let is_control = opcode >= 8;
    if masked != (sender == Sender::Client)
        || (is_control && short > 125)
        || (opcode == 8 && short == 1)
    {
        return Read::Illegal;
    }
    let (wide, least) = match short {
        126 => (2, 126),
        127 => (8, 65_536),
        _ => (0, 0),
    };
    let Some(extended) = bytes.get(2..2 + wide) else { return Read::Unfinished };
    let long = extended.iter().fold(0_u64, |long, byte| long << 8 | u64::from(*byte));
    let payload = if wide == 0 { u64::from(short) } else { long };
    if payload < least || payload > i64::MAX as u64 {
        return Read::Illegal;
    }
    let len = 2 + wide + if masked { 4 } else { 0 };
    let Some(key) = bytes.get(2 + wide..len) else { return Read::Unfinished };
    let key = key.try_into().unwrap_or_default();
    Read::Header(Header { fin, opcode, key, len, payload })
}
