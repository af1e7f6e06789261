//! What happens to the servers of a world while its clients come and go.

use super::scenario::{Cue, GROUP, Mood, Scenario};
use crate::net::simulated::chance::Chance;
use crate::net::simulated::world::Reach;
use std::time::Duration;

impl Scenario {
    /// What will happen apart from clients, and when.
    pub fn upheavals(&mut self, chance: &mut Chance) -> Vec<(Duration, Cue)> {
        let mut cues = if self.changes { self.changes_of_servers(chance) } else { Vec::new() };
        if self.grouped {
            for _ in 0..chance.within(1..=4) {
                let at = Duration::from_millis(chance.within(1000..=30_000) as u64);
                let unknown = self.mood.servers_err() && chance.percent(20);
                let some = if unknown { Vec::new() } else { self.some(chance) };
                cues.push((at, Cue::Name(GROUP.to_owned(), some)));
            }
        }
        if !self.mood.servers_err() {
            return cues;
        }
        for host in &self.hosts {
            for _ in 0..chance.pick(&[0, 0, 1, 2]) {
                let at = Duration::from_millis(chance.below(8000) as u64);
                let back = at + Duration::from_millis(chance.below(6000) as u64);
                let address = host.addresses[chance.below(host.addresses.len())];
                let reach = chance.pick(&[Reach::Refuses, Reach::Silent, Reach::Unreachable]);
                cues.push((at, Cue::Reach(address, reach)));
                cues.push((back, Cue::Reach(address, Reach::Accepts)));
            }
            if let Some(name) = &host.name {
                let at = Duration::from_millis(chance.below(15_000) as u64);
                let mut addresses = host.addresses.clone();
                addresses.rotate_left(chance.below(2));
                addresses.truncate(chance.below(3));
                cues.push((at, Cue::Name(name.clone(), addresses)));
            }
        }
        if self.mood == Mood::Storm && chance.percent(30) {
            for _ in 0..chance.within(1..=2) {
                cues.push((Duration::from_millis(chance.below(9000) as u64), Cue::Stop));
            }
        }
        cues
    }

    /// One server of each section is taken out in one way or another, and put back, and tunnels
    /// are ended. Where all is well there is always another one to go to.
    fn changes_of_servers(&mut self, chance: &mut Chance) -> Vec<(Duration, Cue)> {
        let mut cues = Vec::new();
        let sections = [0..self.plain, self.plain..self.hosts.len()];
        let calm = self.mood == Mood::Calm;
        for servers in sections.into_iter().filter(|servers| servers.len() > 1) {
            let victim = chance.within(servers.start..=servers.end - 1);
            let out = Duration::from_millis(chance.below(4000) as u64);
            let back = out + Duration::from_millis(chance.below(4000) as u64);
            if chance.percent(50) {
                cues.push((out, Cue::Steer(victim, true)));
                cues.push((back, Cue::Steer(victim, false)));
            } else {
                cues.push((out, Cue::Reload(self.configure(Some(victim), chance), Some(victim))));
                cues.push((back, Cue::Reload(self.configure(None, chance), None)));
            }
        }
        for host in self.plain..self.hosts.len() {
            let at = Duration::from_millis(chance.below(6000) as u64);
            cues.push((at, Cue::Part(host, chance.delay(Duration::from_secs(2)))));
        }
        if !calm && chance.percent(50) {
            let at = Duration::from_millis(chance.below(8000) as u64);
            cues.push((at, Cue::Reload(self.configure(None, chance), None)));
        }
        cues
    }
}
