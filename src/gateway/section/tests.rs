//! Weights, spares and warming up, by virtual time: the choice as the gateway makes it.

use super::*;
use crate::balance::health::{Cause, Verdict};
use crate::balance::strikes::Failure;
use crate::config::Config;
use rand::SeedableRng;
use rand::rngs::StdRng;

const BAD: Verdict = Verdict::Unhealthy(Cause::TimedOut);

/// A section at work, with nothing around it.
struct Bench {
    servers: Slab<Server>,
    section: Section,
    now: Instant,
    rng: StdRng,
}

impl Bench {
    /// Servers 1, 2, ... with these weights; a negative one is a spare's.
    fn new(keys: &str, weights: &[i32]) -> Self {
        let mut text = format!("[frontend]\nhost=h\nport=1\n[http]\n{keys}\n");
        for (weight, number) in weights.iter().zip(1..) {
            text.push_str(&format!("server{number}=10.0.0.{number}:80\n"));
            text.push_str(&format!("server{number}_weight={}\n", weight.abs()));
            text.push_str(&format!("server{number}_backup={}\n", *weight < 0));
        }
        let config = Config::from_text(&text).expect("right").http.expect("[http]");
        let mut servers = Slab::new();
        // Ids are not places.
        servers.insert(Server::new(Kind::Http, &config, &config.servers[0]));
        let new = |server| ServerId::from(servers.insert(Server::new(Kind::Http, &config, server)));
        let ids = config.servers.iter().map(new).collect();
        let section = Section::new(&config, ids);
        Self { servers, section, now: Instant::now(), rng: StdRng::seed_from_u64(1) }
    }

    fn server(&mut self, number: u64) -> &mut Server {
        let found = self.servers.iter_mut().map(|(_, server)| server);
        found.filter(|server| server.number == number).last().expect("such a server")
    }

    fn probed(&mut self, number: u64, verdict: Verdict) {
        let now = self.now;
        self.server(number).health.note(verdict, now);
    }

    fn choose(&mut self, tried: &[u64], cookie: Option<u64>, client: u8) -> Option<u64> {
        let ids = &self.section.servers;
        let tried: Vec<_> = tried.iter().map(|number| ids[*number as usize - 1]).collect();
        let wish = Wish { tried: &tried, cookie, caller: Peer::Ip([192, 0, 2, client].into()) };
        let chosen = self.section.choose(&self.servers, &wish, self.now, &mut self.rng);
        chosen.map(|id| self.servers[id.index()].number)
    }

    fn next(&mut self) -> Option<u64> {
        self.choose(&[], None, 1)
    }

    /// How often each of the servers 1 to `N` is chosen.
    fn counts<const N: usize>(&mut self, choices: usize) -> [usize; N] {
        let mut counts = [0; N];
        for _ in 0..choices {
            let number = self.next().expect("there are servers");
            counts[number as usize - 1] += 1;
        }
        counts
    }
}

#[test]
fn every_algorithm_goes_by_weight() {
    let mut turns = Bench::new("algorithm=round-robin", &[5, 2, 1]);
    assert_eq!(turns.counts(8), [5, 2, 1]);
    assert_eq!(turns.counts(80), [50, 20, 10]);
    let [one, two, three] = Bench::new("algorithm=random", &[5, 2, 1]).counts(8000);
    // Six standard deviations of the widest of the three.
    for (count, exact) in [(one, 5000), (two, 2000), (three, 1000_usize)] {
        assert!(count.abs_diff(exact) < 260, "{one} {two} {three}");
    }
    // Nobody is connected in these tests: all are equally idle, and take turns by their weights.
    assert_eq!(Bench::new("algorithm=least-connections", &[5, 2, 1]).counts(8), [5, 2, 1]);
    let mut by_address = Bench::new("sticky=ip", &[5, 2, 1]);
    let mut counts = [0; 3];
    for client in 0..=255 {
        let number = by_address.choose(&[], None, client).expect("there are servers");
        assert_eq!(by_address.choose(&[], None, client), Some(number));
        counts[number as usize - 1] += 1;
    }
    assert!(counts.is_sorted_by(|more, less| more > less), "{counts:?}");
}

#[test]
fn spares_have_work_only_when_all_others_are_down() {
    let mut bench = Bench::new("algorithm=round-robin", &[1, -1, 1, -2]);
    assert_eq!(bench.counts(4), [2, 0, 2, 0]);
    bench.probed(1, BAD);
    assert_eq!(bench.counts(4), [0, 0, 4, 0]);
    bench.server(3).drained = true;
    assert_eq!(bench.counts(6), [0, 2, 0, 4]);
    bench.probed(2, BAD);
    assert_eq!(bench.counts(6), [0, 0, 0, 6]);
    bench.probed(4, BAD);
    assert_eq!(bench.next(), None);
    bench.probed(1, Verdict::Healthy);
    assert_eq!(bench.counts(4), [4, 0, 0, 0]);
}

#[test]
fn a_request_that_all_others_failed_may_go_to_a_spare() {
    let mut bench = Bench::new("algorithm=round-robin", &[1, 1, -1]);
    assert_eq!(bench.choose(&[1], None, 1), Some(2));
    assert_eq!(bench.choose(&[1, 2], None, 1), Some(3));
    assert_eq!(bench.choose(&[1, 2, 3], None, 1), None);
}

#[test]
fn no_stickiness_keeps_a_client_at_a_spare() {
    for sticky in ["cookie", "ip"] {
        let mut bench = Bench::new(&format!("sticky={sticky}"), &[1, -1]);
        let spare = Some(bench.server(2).name);
        assert_eq!(bench.choose(&[], spare, 1), Some(1));
        bench.probed(1, BAD);
        assert_eq!(bench.choose(&[], spare, 1), Some(2));
        bench.probed(1, Verdict::Healthy);
        assert_eq!(bench.choose(&[], spare, 1), Some(1), "{sticky}");
    }
}

#[test]
fn a_cookie_outweighs_every_weight() {
    let mut bench = Bench::new("sticky=cookie\nslow_start=60", &[256, 1]);
    let light = Some(bench.server(2).name);
    bench.probed(2, BAD);
    bench.probed(2, Verdict::Healthy);
    assert!((0..100).all(|_| bench.choose(&[], light, 1) == Some(2)));
}

#[test]
fn a_server_that_comes_back_warms_up() {
    let mut bench = Bench::new("algorithm=round-robin\nslow_start=60", &[1, 1]);
    bench.probed(2, Verdict::Healthy);
    assert_eq!(bench.counts(100), [50, 50], "it was never away");
    bench.probed(2, BAD);
    bench.probed(2, Verdict::Healthy);
    // Seconds since then, and its turns among 1000 of both: a share of s stands beside one of 60.
    for (seconds, expected) in [(0, 4), (15, 200), (30, 333), (45, 428), (60, 500), (99, 500)] {
        let back = bench.now;
        bench.now += Duration::from_secs(seconds);
        let [_, second] = bench.counts(1000);
        assert!(second.abs_diff(expected) <= 2, "after {seconds} s: {second}, not {expected}");
        bench.now = back;
    }
}

#[test]
fn sitting_out_and_an_operator_are_ways_to_come_back_too() {
    let mut bench = Bench::new("algorithm=round-robin\nslow_start=60\nfail_timeout=5", &[1, 1]);
    let start = bench.now;
    for _ in 0..3 {
        bench.server(2).health.failed(Failure::NoConnection, true, start);
    }
    assert_eq!(bench.counts(10), [10, 0]);
    bench.now = start + Duration::from_secs(5 + 30);
    assert!(bench.counts::<2>(300)[1].abs_diff(100) <= 1);
    bench.server(1).health.came_back(start + Duration::from_secs(5));
    assert!(bench.counts::<2>(300)[1].abs_diff(150) <= 1, "both are as warm");
}

#[test]
fn the_only_server_gets_all_however_cold_it_is() {
    for algorithm in ["random", "round-robin", "least-connections"] {
        let keys = format!("algorithm={algorithm}\nslow_start=1h");
        let mut bench = Bench::new(&keys, &[3]);
        bench.probed(1, BAD);
        bench.probed(1, Verdict::Healthy);
        assert_eq!(bench.counts(10), [10]);
    }
}

#[test]
fn a_reload_goes_on_where_the_turns_were() {
    let mut bench = Bench::new("algorithm=round-robin", &[1, 1, 1]);
    assert_eq!(bench.next(), Some(1));
    let other = Bench::new("algorithm=round-robin", &[1, 1, 1]).section;
    let ids = bench.section.servers.clone();
    let old = std::mem::replace(&mut bench.section, other);
    bench.section.servers = ids;
    bench.section =
        std::mem::replace(&mut bench.section, Bench::new("", &[1]).section).in_place_of(old);
    assert_eq!(bench.next(), Some(2));
}
