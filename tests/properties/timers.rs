//! The timer wheel does what a plain list of deadlines does.

use std::time::{Duration, Instant};

use tidegate::timer::{TimerId, Wheel};

const TICK: Duration = Duration::from_millis(100);
/// Units of time that a byte is a multiple of: within a tick, across ticks, across revolutions.
const UNITS: [Duration; 4] = [
    Duration::from_millis(1),
    Duration::from_millis(100),
    Duration::from_millis(25_600),
    Duration::from_secs(3_600),
];

/// Reads `bytes` as steps of two bytes, what to do and how much, and does them to both.
pub fn wheel(bytes: &[u8]) {
    let epoch = Instant::now() + Duration::from_secs(1 << 20);
    let mut now = epoch;
    let mut wheel = Wheel::new(epoch, TICK);
    let mut waiting: Vec<(Instant, u32, TimerId)> = Vec::new();
    let mut gone: Vec<TimerId> = Vec::new();
    let mut keys = 0;
    for step in bytes.chunks_exact(2) {
        let (action, amount) = (step[0] % 8, step[1]);
        let span = UNITS[usize::from(step[0] >> 3) % UNITS.len()] * u32::from(amount);
        match action {
            0..=3 => {
                let deadline = if action == 3 { now - span.min(now - epoch) } else { now + span };
                waiting.push((deadline, keys, wheel.insert(deadline, keys)));
                keys += 1;
            }
            4 if !waiting.is_empty() => {
                let (_, key, id) = waiting.swap_remove(usize::from(amount) % waiting.len());
                assert_eq!(wheel.cancel(id), Some(key));
                gone.push(id);
            }
            5 if !gone.is_empty() => {
                let stale = gone[usize::from(amount) % gone.len()];
                assert_eq!(wheel.cancel(stale), None, "a stale id names nothing");
            }
            6 => deliver_one(&mut wheel, &mut waiting, &mut gone, now, epoch),
            _ => {
                now += span;
                while wheel.next_wakeup().is_some_and(|at| at <= now) {
                    let before = wheel.len();
                    deliver_one(&mut wheel, &mut waiting, &mut gone, now, epoch);
                    if wheel.len() == before {
                        break; // Woken early, which is allowed; nothing is due.
                    }
                }
                let due =
                    |(deadline, ..): &(Instant, u32, TimerId)| on_grid(*deadline, epoch) <= now;
                assert!(!waiting.iter().any(due), "a deadline was passed over");
                assert!(wheel.next_wakeup().is_none_or(|at| at > now), "the wheel spins");
            }
        }
        assert_eq!(wheel.len(), waiting.len());
        let first = waiting.iter().map(|(deadline, ..)| on_grid(*deadline, epoch)).min();
        let wakeup = wheel.next_wakeup();
        assert_eq!(wakeup.is_none(), first.is_none());
        assert!(wakeup.is_none_or(|at| first.is_some_and(|first| at <= first.max(now))), "late");
    }
}

fn deliver_one(
    wheel: &mut Wheel<u32>,
    waiting: &mut Vec<(Instant, u32, TimerId)>,
    gone: &mut Vec<TimerId>,
    now: Instant,
    epoch: Instant,
) {
    let Some(key) = wheel.pop_expired(now) else {
        assert!(!waiting.iter().any(|(deadline, ..)| on_grid(*deadline, epoch) <= now), "kept");
        return;
    };
    let place = waiting.iter().position(|(_, waits, _)| *waits == key);
    let (deadline, _, id) = waiting.swap_remove(place.expect("delivered once, and not cancelled"));
    assert!(deadline <= now, "early");
    gone.push(id);
}

/// A deadline, rounded up to a tick.
fn on_grid(deadline: Instant, epoch: Instant) -> Instant {
    let ticks = deadline.saturating_duration_since(epoch).as_nanos().div_ceil(TICK.as_nanos());
    epoch + Duration::from_nanos((ticks * TICK.as_nanos()) as u64)
}
