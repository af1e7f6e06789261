//! Speaking by a script: what to say, where to wait, where to break off.

use crate::net::simulated::end::EndId;
use crate::net::simulated::world::World;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes this.
    Say(Vec<u8>),
    /// Writes this so that it arrives in one piece; if there is no room for that, breaks off by a
    /// reset instead.
    SayAtOnce(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// The same between two parts of one frame.
    Pause(Duration),
    /// Does nothing for ever.
    Stall,
    /// Goes on when so many responses have been read.
    Answered(usize),
    /// Goes on when `100 Continue` has been read.
    Continued,
    /// A client begins that request; a server has said its response without a fault.
    Done(usize),
    /// The next thing said is a Close: it is the last.
    Closing,
    /// Goes on when the other end of the tunnel has said its last word.
    Parted,
    /// Sends a FIN.
    Finish,
    /// Closes.
    Close,
    /// Closes by RST.
    Reset,
}

/// Why a voice fell silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// There is no step left.
    Empty,
    /// Something has to happen first.
    Blocked,
    /// A step that its owner has to judge; it is the next one until [`Voice::pass`].
    Gate(Step),
    /// The end was closed.
    Closed,
    /// The connection is broken.
    Broken,
}

/// The steps that are left, and the pace.
#[derive(Debug)]
pub struct Voice {
    steps: VecDeque<Step>,
    /// Bytes said of the first step.
    said: usize,
    /// So many bytes at a time, then a pause.
    pace: Option<(usize, Duration)>,
    /// When the wait that is the first step, or a pause, is over.
    until: Option<Duration>,
    /// A tunnel's last word is being said, or has been.
    pub closing: bool,
    /// The first step goes on with a frame.
    inside: bool,
}

impl Voice {
    /// A voice with those steps.
    pub fn new(steps: impl IntoIterator<Item = Step>, pace: Option<(usize, Duration)>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            said: 0,
            pace,
            until: None,
            closing: false,
            inside: false,
        }
    }

    /// Adds a step.
    pub fn push(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Whether there is no step left.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether it will never say anything more.
    pub fn is_stuck(&self) -> bool {
        matches!(self.steps.front(), Some(Step::Stall))
    }

    /// Puts in a step of its own, between two others.
    pub fn interject(&mut self, step: Step, now: Duration) {
        self.rest(now);
        self.steps.insert(self.frame_end(), step);
    }

    /// How many steps go on with the frame that is being said.
    fn frame_end(&self) -> usize {
        let is_pause = |place: usize| matches!(self.steps.get(place), Some(Step::Pause(_)));
        let mut place = usize::from(self.said > 0 || self.inside);
        while is_pause(place) {
            place += 2;
        }
        place.min(self.steps.len())
    }

    /// Drops every step, but for the rest of what has been half said.
    pub fn cut_short(&mut self, now: Duration) {
        self.rest(now);
        self.steps.truncate(self.frame_end());
    }

    /// The wait that is the first step will be for what is left of it.
    fn rest(&mut self, now: Duration) {
        if let (Some(Step::Wait(pause)), Some(until)) = (self.steps.front_mut(), self.until) {
            *pause = until.saturating_sub(now);
            self.until = None;
        }
    }

    /// Drops every step.
    pub fn hush(&mut self) {
        self.steps.clear();
        (self.said, self.until) = (0, None);
    }

    /// The gate is open: goes on behind it.
    pub fn pass(&mut self) {
        self.next();
    }

    fn next(&mut self) {
        let step = self.steps.pop_front();
        self.inside = matches!(step, Some(Step::Pause(_)));
        (self.said, self.until) = (0, None);
    }

    /// Whether a wait is over; begins it at the first call.
    fn waited(&mut self, world: &mut World, end: EndId, pause: Duration) -> bool {
        let now = world.now();
        match self.until {
            None => {
                self.until = Some(now + pause);
                world.wake(end, pause);
                pause.is_zero()
            }
            Some(until) => now >= until,
        }
    }

    /// Takes steps until something has to happen first.
    pub fn speak(&mut self, world: &mut World, end: EndId) -> Silence {
        loop {
            match self.steps.front() {
                None => return Silence::Empty,
                Some(Step::Say(_)) => {
                    if let Some(silence) = self.say(world, end) {
                        return silence;
                    }
                }
                Some(Step::SayAtOnce(bytes)) => {
                    if !world.write_at_once(end, bytes) {
                        world.abort(end);
                        return Silence::Closed;
                    }
                    self.next();
                }
                Some(Step::Wait(pause) | Step::Pause(pause)) => {
                    let pause = *pause;
                    if !self.waited(world, end, pause) {
                        return Silence::Blocked;
                    }
                    self.next();
                }
                Some(Step::Stall) => return Silence::Blocked,
                Some(
                    gate @ (Step::Answered(_) | Step::Continued | Step::Done(_) | Step::Parted),
                ) => return Silence::Gate(gate.clone()),
                Some(Step::Closing) => {
                    self.closing = true;
                    self.next();
                }
                Some(Step::Finish) => {
                    if world.finish(end).is_err() {
                        return Silence::Broken;
                    }
                    self.next();
                }
                Some(Step::Close) => {
                    world.close(end);
                    return Silence::Closed;
                }
                Some(Step::Reset) => {
                    world.abort(end);
                    return Silence::Closed;
                }
            }
        }
    }

    /// Says more of the first step; `None` when all of it has been said.
    fn say(&mut self, world: &mut World, end: EndId) -> Option<Silence> {
        loop {
            if let Some(until) = self.until
                && world.now() < until
            {
                return Some(Silence::Blocked);
            }
            let Some(Step::Say(bytes)) = self.steps.front() else { return None };
            let rest = &bytes[self.said..];
            if rest.is_empty() {
                self.next();
                return None;
            }
            let most = self.pace.map_or(rest.len(), |(most, _)| most.min(rest.len()));
            match world.write(end, &rest[..most]) {
                Ok(count) => self.said += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Some(Silence::Blocked);
                }
                Err(_) => return Some(Silence::Broken),
            }
            if let Some((_, pause)) = self.pace
                && self.said < bytes.len()
            {
                self.until = Some(world.now() + pause);
                world.wake(end, pause);
            }
        }
    }
}
