//! What clients do: honest scripts, and ways to spoil them.

use super::client::{Appetite, Script};
use super::frames::Speech;
use super::identity::Speaker;
use super::introduction::FROM;
use super::ledger::Ledger;
use super::request::{Request, size};
use super::scenario::Scenario;
use super::voice::Step;
use crate::net::simulated::chance::Chance;
use std::time::Duration;

/// A client of that scenario; its requests are entered in the ledger.
pub fn any(scenario: &Scenario, ledger: &mut Ledger, chance: &mut Chance) -> Script {
    if let Some(script) = scenario.hostile(chance) {
        return script;
    }
    let rude = scenario.is_next_rude(chance);
    let first = ledger.cases.len();
    let tunnels = scenario.plain < scenario.hosts.len();
    let count = if tunnels && chance.percent(30) { 0 } else { chance.within(1..=5) };
    let mut more = true;
    for id in first..first + count {
        if more {
            let request = Request::any(id, scenario.content_max, chance);
            more = !request.last;
            ledger.enter(request, !rude);
        }
    }
    if more && tunnels && (count == 0 || chance.percent(30)) {
        let len = size(scenario.content_max, chance);
        let id = ledger.cases.len();
        ledger.enter(Request::handshake(id, len), !rude);
    }
    let requests: Vec<_> = (first..ledger.cases.len()).collect();
    let mut script = honest(&requests, rude, scenario, ledger, chance);
    introduce(&mut script, scenario, ledger, chance);
    if rude {
        spoil(&mut script, chance);
        // It may break off in the middle of a frame, where no answer fits.
        script.polite = false;
    }
    let slow = script.pace.is_some() || script.appetite != Appetite::Hungry;
    requests.iter().for_each(|id| ledger.cases[*id].slow = slow);
    script
}

/// One request after the other, on one connection, with nothing else.
pub fn plain(
    count: usize,
    scenario: &Scenario,
    ledger: &mut Ledger,
    chance: &mut Chance,
) -> Script {
    let mut steps = Vec::new();
    let mut requests = Vec::new();
    for place in 0..count {
        let id = ledger.cases.len();
        let request = Request { last: false, old: false, ..Request::any(id, 100, chance) };
        steps.push(Step::Answered(place));
        steps.push(Step::Done(id));
        steps.push(Step::Say(request.head()));
        if request.expects {
            steps.push(Step::Continued);
        }
        steps.push(Step::Say(request.body(chance)));
        requests.push(id);
        ledger.enter(request, true);
    }
    steps.extend([Step::Answered(count), Step::Close]);
    debug_assert!(scenario.plain > 0);
    let mut script = Script {
        steps,
        pace: None,
        appetite: Appetite::Hungry,
        requests,
        hostile: None,
        polite: true,
        from: FROM,
    };
    introduce(&mut script, scenario, ledger, chance);
    script
}

/// The client's balancer comes first, if there is one.
fn introduce(script: &mut Script, scenario: &Scenario, ledger: &mut Ledger, chance: &mut Chance) {
    let (first, peer) = scenario.introduction(chance);
    script.steps.splice(0..0, first);
    script.from = if scenario.introduced { FROM } else { peer };
    for id in &script.requests {
        ledger.cases[*id].peer = peer;
    }
}

/// A client that does everything right, if not always fast.
fn honest(
    ids: &[usize],
    wild: bool,
    scenario: &Scenario,
    ledger: &mut Ledger,
    chance: &mut Chance,
) -> Script {
    let depth = chance.pick(&[1, 1, 2, 5]);
    let most_think = Duration::from_millis(chance.pick(&[0, 30, 5000]));
    let mut steps = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        let request = &ledger.cases[*id].request;
        // Nothing is sent behind a handshake, nor a handshake behind anything unanswered.
        let ahead = if request.websocket { 0 } else { depth - 1 };
        steps.push(Step::Answered(place.saturating_sub(ahead)));
        if chance.percent(30) {
            steps.push(Step::Wait(chance.delay(most_think)));
        }
        let (mut wire, body) = (request.head(), request.body(chance));
        if request.expects {
            // What `100 Continue` is about must be plain to whoever waits for it.
            steps.push(Step::Answered(place));
            steps.extend([Step::Done(*id), Step::Say(wire), Step::Continued, Step::Say(body)]);
            continue;
        }
        wire.extend_from_slice(&body);
        let split = request.head().len().min(wire.len());
        let rest = wire.split_off(split + chance.below(wire.len() - split + 1));
        steps.extend([Step::Done(*id), Step::Say(wire), Step::Say(rest)]);
        if request.websocket {
            let early = chance.percent(30);
            let mut speech = Speech::any(*id, Speaker::Client, request.len, wild, chance);
            if !early {
                steps.push(Step::Answered(place + 1));
            }
            steps.append(&mut speech.steps);
            steps.push(Step::Answered(place + 1));
            if chance.percent(50) {
                steps.push(Step::Parted);
            }
            steps.push(Step::Finish);
            ledger.cases[*id].speeches[0] = speech;
        }
    }
    let last = chance.below(4);
    if !ids.last().is_some_and(|id| ledger.cases[*id].request.websocket) {
        if last != 0 {
            steps.push(Step::Answered(ids.len()));
        }
        match last {
            0 | 1 => steps.push(Step::Finish),
            2 => steps.push(Step::Close),
            _ => {}
        }
    }
    let gentle = scenario.content_max / 100 + 40;
    let pause = Duration::from_millis(chance.within(1..=8) as u64);
    let slow = |chance: &mut Chance| chance.percent(20);
    Script {
        steps,
        pace: slow(chance).then_some((gentle, pause)),
        appetite: if slow(chance) { Appetite::Slow(gentle, pause) } else { Appetite::Hungry },
        requests: ids.to_vec(),
        hostile: None,
        polite: true,
        from: FROM,
    }
}

/// Makes a client vanish, stall, trickle or turn deaf somewhere.
fn spoil(script: &mut Script, chance: &mut Chance) {
    if chance.percent(15) {
        script.appetite = Appetite::None;
        let waits =
            |step: &Step| matches!(step, Step::Answered(_) | Step::Continued | Step::Parted);
        script.steps.retain(|step| !waits(step));
        script.steps.extend([Step::Wait(Duration::from_secs(200)), Step::Reset]);
        return;
    }
    if chance.percent(15) {
        // Content may trickle for as long as it likes; nobody here has that much time.
        let mut left = 900_usize;
        let fits = |step: &&Step| {
            let Step::Say(bytes) = step else { return true };
            left.checked_sub(bytes.len()).inspect(|less| left = *less).is_some()
        };
        let end = script.steps.iter().take_while(fits).count();
        script.steps.truncate(end);
        script.pace = Some((chance.within(1..=9), Duration::from_millis(700)));
        script.steps.extend([Step::Wait(Duration::from_secs(100)), Step::Reset]);
        return;
    }
    let place = chance.below(script.steps.len());
    script.steps.truncate(place + 1);
    if let Some(Step::Say(bytes)) = script.steps.last_mut() {
        bytes.truncate(chance.below(bytes.len() + 1));
    }
    let end = chance.pick(&[Step::Reset, Step::Close, Step::Stall, Step::Finish]);
    if chance.percent(50) {
        script.steps.push(Step::Wait(chance.delay(Duration::from_millis(400))));
    }
    script.steps.push(end);
}
