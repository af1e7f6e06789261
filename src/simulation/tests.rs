//! Many worlds of each kind, and what must be exact in a quiet one.

use super::ledger::Case;
use super::run::Run;
use super::scenario::{Cue, Mood, Scenario};
use super::{chance, live};
use crate::net::simulated::chance::Chance;
use crate::net::simulated::world::Reach;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// Seeds per mood when nothing else is asked for.
const SEEDS: u64 = 100;

/// Tells which world it was, also when the gateway's own assertions end it.
struct Witness(Mood, u64);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(mood, seed) = self;
            eprintln!("{mood:?}: TIDEGATE_SEED={seed} cargo test --lib simulation");
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds that are asked for: as many as `TIDEGATE_SEEDS` says, from `TIDEGATE_FROM` on.
fn seeds() -> Range<u64> {
    let from = number("TIDEGATE_FROM").unwrap_or(0);
    from..from + number("TIDEGATE_SEEDS").unwrap_or(SEEDS)
}

fn survive(mood: Mood) {
    let seeds = match number("TIDEGATE_SEED") {
        Some(seed) => {
            // One world is looked at closely. Another mood may have set the logger up already.
            let _ = simple_logger::SimpleLogger::new().without_timestamps().init();
            seed..seed + 1
        }
        None => seeds(),
    };
    let (mut statuses, mut cuts) = (BTreeMap::<u16, usize>::new(), 0);
    let mut twice = 0;
    for seed in seeds {
        let witness = Witness(mood, seed);
        let run = live(mood, chance(mood, seed));
        assert!(run.ledger.wrongs.is_empty(), "{:#?}\n{:?}", run.ledger.wrongs, run.scenario());
        for (status, count) in &run.ledger.statuses {
            *statuses.entry(*status).or_default() += count;
        }
        cuts += run.ledger.cuts;
        twice += run.ledger.cases.iter().filter(|case| case.arrivals > 1).count();
        drop(witness);
    }
    println!("{mood:?}: {statuses:?}, {cuts} cut short, {twice} asked twice");
}

#[test]
fn calm_worlds_have_every_request_answered_by_its_server() {
    survive(Mood::Calm);
}

#[test]
fn rude_clients_harm_nobody_but_themselves() {
    survive(Mood::RudeClients);
}

#[test]
fn bad_servers_are_told_from_good_ones() {
    survive(Mood::BadServers);
}

#[test]
fn storms_pass_and_leave_nothing_behind() {
    survive(Mood::Storm);
}

#[test]
fn servers_that_come_and_go_by_their_name_lose_no_request() {
    let (mut answered, mut all_served) = (0, 0);
    for seed in 0..60 {
        let mut chance = Chance::seeded(seed);
        let scenario = Scenario::coming_and_going(&mut chance);
        let mut run = Run::new(scenario, chance);
        run.populate();
        run.live();
        assert!(run.ledger.wrongs.is_empty(), "seed {seed}: {:#?}", run.ledger.wrongs);
        let served = |case: &Case| case.replies.first().map(|(server, _)| *server);
        let servers: BTreeSet<_> = run.ledger.cases.iter().filter_map(served).collect();
        answered += run.ledger.cases.len();
        all_served += usize::from(servers.len() == 4);
    }
    // Not one server was there all the time; still each had its share in many of these worlds.
    assert!(answered > 500 && all_served > 15, "{answered} answered, {all_served} worlds");
}

#[test]
fn servers_take_turns_exactly_while_all_are_well() {
    for seed in 0..20 {
        let mut chance = Chance::seeded(seed);
        let scenario = Scenario::in_turn(&vec![1; 1 + seed as usize % 4], &mut chance);
        let mut run = Run::new(scenario, chance);
        run.one_client(24, Duration::from_secs(1));
        run.live();
        assert!(run.ledger.wrongs.is_empty(), "seed {seed}: {:#?}", run.ledger.wrongs);
        let servers = 1 + seed as usize % 4;
        let order: Vec<_> = run.ledger.cases.iter().map(|case| case.replies[0].0).collect();
        let exact: Vec<_> = (0..24).map(|place| place % servers).collect();
        assert_eq!(order, exact, "seed {seed}");
    }
}

#[test]
fn turns_are_as_the_weights_and_spares_have_none() {
    for seed in 0..20 {
        let mut chance = Chance::seeded(seed);
        let mut weights: Vec<_> = (0..chance.within(2..=4)).map(|_| 1 + chance.below(5)).collect();
        let sum: usize = weights.iter().sum();
        let mut signed: Vec<_> = weights.iter().map(|weight| *weight as i32).collect();
        signed.push(-3);
        weights.push(0);
        let mut run = Run::new(Scenario::in_turn(&signed, &mut chance), chance);
        run.one_client(3 * sum, Duration::from_secs(1));
        run.live();
        assert!(run.ledger.wrongs.is_empty(), "seed {seed}: {:#?}", run.ledger.wrongs);
        let order: Vec<_> = run.ledger.cases.iter().map(|case| case.replies[0].0).collect();
        for window in order.windows(sum) {
            let count = |server| window.iter().filter(|other| **other == server).count();
            let counts: Vec<_> = (0..weights.len()).map(count).collect();
            assert_eq!(counts, weights, "seed {seed}: {order:?}");
        }
    }
}
/// A calm world of so many servers that are known by their addresses, and its configuration.
fn exact(servers: usize, max_workers: usize, seed: u64) -> (Scenario, String, Chance) {
    let mut chance = Chance::seeded(seed);
    let mut scenario = Scenario::in_turn(&vec![1; servers], &mut chance);
    scenario.introduced = false;
    let mut config =
        String::from("[frontend]\nhost=0.0.0.0\nport=80\n[http]\nalgorithm=round-robin\n");
    for (place, host) in scenario.hosts.iter_mut().enumerate() {
        (host.name, host.max_workers) = (None, Some(max_workers));
        host.temper.introduced = None;
        let (number, address) = (place + 1, host.addresses[0]);
        config += &format!("server{number}={address}\nserver{number}_min_workers=0\n");
        config += &format!("server{number}_max_workers={max_workers}\n");
    }
    (scenario, config, chance)
}

/// The same without its first server.
fn without_first(config: &str) -> String {
    let others: Vec<_> = config.lines().filter(|line| !line.starts_with("server1")).collect();
    others.join("\n")
}

#[test]
fn a_verdict_that_comes_when_probes_are_off_takes_no_server_down() {
    let (mut scenario, config, chance) = exact(1, 4, 1);
    let address = scenario.hosts[0].addresses[0];
    scenario.config = config.clone();
    let mut run = Run::new(scenario, chance);
    let millis = Duration::from_millis;
    // The first probe finds nobody, and says so after its timeout of two seconds.
    run.cue(millis(0), Cue::Reach(address, Reach::Silent));
    run.cue(millis(500), Cue::Reach(address, Reach::Accepts));
    run.cue(millis(1000), Cue::Reload(config + "enable_health_check=false\n", None));
    run.one_client(3, millis(3000));
    run.live();
    assert!(run.ledger.wrongs.is_empty(), "{:#?}", run.ledger.wrongs);
    assert!(run.ledger.cases.iter().all(|case| case.answered), "{:?}", run.ledger.statuses);
}

#[test]
fn a_server_that_is_removed_and_comes_back_has_no_more_workers_than_before() {
    for seed in 0..10 {
        let (mut scenario, config, chance) = exact(2, 1, seed);
        let config = config + "enable_health_check=false\n";
        scenario.hosts.iter_mut().for_each(|host| host.temper.think = Duration::from_secs(3));
        scenario.config = config.clone();
        let mut run = Run::new(scenario, chance);
        let millis = Duration::from_millis;
        run.cue(millis(1500), Cue::Reload(without_first(&config), Some(0)));
        run.cue(millis(1700), Cue::Reload(config, None));
        for client in 0..6 {
            run.one_client(1, millis(1000 + client / 3 * 1000));
        }
        run.live();
        assert!(run.ledger.wrongs.is_empty(), "seed {seed}: {:#?}", run.ledger.wrongs);
    }
}

#[test]
fn a_server_that_comes_up_late_is_used_as_soon_as_it_is_there() {
    let (mut scenario, config, chance) = exact(1, 4, 1);
    let address = scenario.hosts[0].addresses[0];
    let floor = config.replace("min_workers=0", "min_workers=1");
    scenario.config = floor + "enable_health_check=false\n";
    let mut run = Run::new(scenario, chance);
    let millis = Duration::from_millis;
    run.cue(millis(0), Cue::Reach(address, Reach::Refuses));
    run.cue(millis(4500), Cue::Reach(address, Reach::Accepts));
    run.one_client(3, millis(4600));
    run.live();
    assert!(run.ledger.wrongs.is_empty(), "{:#?}", run.ledger.wrongs);
}

#[test]
fn a_server_that_a_reload_brings_is_not_late_before_it_was_asked() {
    let (mut scenario, config, chance) = exact(2, 4, 1);
    scenario.config = without_first(&config);
    let mut run = Run::new(scenario, chance);
    let millis = Duration::from_millis;
    // Nothing happens for so long that a probe begun before would be late.
    run.cue(millis(8000), Cue::Reload(config, None));
    run.one_client(4, millis(8500));
    run.live();
    assert!(run.ledger.wrongs.is_empty(), "{:#?}", run.ledger.wrongs);
    let order: Vec<_> = run.ledger.cases.iter().map(|case| case.replies[0].0).collect();
    assert_eq!(order, [0, 1, 0, 1]);
}

#[test]
fn a_server_is_not_forgotten_while_a_request_remembers_it() {
    let (mut scenario, config, chance) = exact(2, 1, 1);
    let config = config + "enable_health_check=false\n";
    scenario.hosts[1].temper.think = Duration::from_secs(3);
    scenario.config = config.clone();
    let dead = scenario.hosts[0].addresses[0];
    let mut run = Run::new(scenario, chance);
    let millis = Duration::from_millis;
    run.cue(millis(0), Cue::Reach(dead, Reach::Refuses));
    // Both try the first server in vain. The second client still waits in line for the other when
    // the first server is removed, whose place could then be given to a stranger.
    run.one_client(1, millis(1000));
    run.one_client(1, millis(1200));
    run.cue(millis(2000), Cue::Reload(without_first(&config), Some(0)));
    run.live();
    assert!(run.ledger.wrongs.is_empty(), "{:#?}", run.ledger.wrongs);
    assert!(run.ledger.cases.iter().all(|case| case.answered), "{:?}", run.ledger.statuses);
}
