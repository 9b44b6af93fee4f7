//! Where a person stands with points: what they did, what it is worth on a day, and on which side of the thresholds. The
//! hot half of a decision: the only part that most events touch.

use crate::domain::day::Day;
use crate::domain::event::EngagementEvent;
use crate::domain::rules::{Grade, Hits, Model};
use crate::domain::score::{Accumulator, score};

/// Points and sides of thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Counts per rule and day.
    pub acc: Accumulator,
    /// Score of `scored_on`, in milli-points.
    pub score_milli: i32,
    /// Which day that is.
    pub scored_on: Day,
    /// Fit grade: chooses the threshold.
    pub grade: Grade,
    /// Whether the score was at or above the mql threshold when that was last decided.
    pub above_mql: bool,
    /// The same of the cooled threshold.
    pub above_cooled: bool,
    /// Something waits for the next live event: imports alone raise nobody.
    pub waiting: bool,
}

/// Which thresholds were passed, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Fell below the mql threshold.
    pub fell: bool,
    /// Fell below the cooled threshold.
    pub cooled: bool,
    /// Rose to the mql threshold or above.
    pub rose: bool,
}

impl Moves {
    /// Whether there was any.
    #[must_use]
    pub const fn any(self) -> bool {
        self.fell || self.cooled || self.rose
    }

    /// Both.
    #[must_use]
    pub const fn then(self, later: Self) -> Self {
        Self { fell: self.fell || later.fell, cooled: self.cooled || later.cooled, rose: self.rose || later.rose }
    }
}

/// Who may raise somebody above a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A live human act: decides, also what was waiting.
    Live,
    /// Time or new rules: decide, unless something waits for a live act.
    Clock,
    /// An import or a machine: what it brings about waits.
    None,
}

impl Authority {
    /// Of an event.
    #[must_use]
    pub const fn of(event: &EngagementEvent) -> Self {
        if event.historical || event.is_bot() { Self::None } else { Self::Live }
    }
}

impl Standing {
    /// Of somebody who did nothing yet.
    #[must_use]
    pub fn new(today: Day, model: &Model, grade: Grade) -> Self {
        let mut standing = Self {
            acc: Accumulator::new(),
            score_milli: 0,
            scored_on: today,
            grade,
            above_mql: false,
            above_cooled: false,
            waiting: false,
        };
        // A threshold of 0 is met by everybody.
        let _ = standing.settle(model, Authority::None);
        standing.waiting = false;
        standing
    }

    /// Time passes, or the grade or the model is another: the score of `today` and the thresholds it has passed.
    #[must_use]
    pub fn look(&mut self, model: &Model, today: Day, authority: Authority) -> Moves {
        self.score_milli = score(model, &self.acc, today);
        self.scored_on = today;
        self.settle(model, authority)
    }

    /// Takes in what an event hit. The day passes first, so that what fell meanwhile is seen to fall before it rises.
    #[must_use]
    pub fn absorb(&mut self, model: &Model, event: &EngagementEvent, hits: &Hits, today: Day) -> Moves {
        let authority = Authority::of(event);
        let mut moves = Moves::default();
        if self.scored_on != today {
            moves = self.look(model, today, Authority::None);
        }
        for rule in &hits.scoring {
            self.acc.add(*rule, event.day());
        }
        if !hits.scoring.is_empty() {
            self.acc.forget_before(model.first_counting_day(today));
            moves = moves.then(self.look(model, today, authority));
        } else if authority == Authority::Live && (self.waiting || !self.above_mql) {
            moves = moves.then(self.settle(model, authority));
        }
        moves
    }

    /// Compares the score with the thresholds.
    fn settle(&mut self, model: &Model, authority: Authority) -> Moves {
        let mut moves = Moves::default();
        let is_above = model.mql_threshold(self.grade).is_some_and(|from| self.score_milli >= from);
        if self.above_mql && !is_above {
            (self.above_mql, moves.fell) = (false, true);
        } else if !self.above_mql && is_above {
            let may = match authority {
                Authority::Live => true,
                Authority::Clock => !self.waiting,
                Authority::None => false,
            };
            (self.above_mql, moves.rose) = (may, may);
            self.waiting |= !may;
        }
        if authority == Authority::Live || !is_above {
            self.waiting = false;
        }
        let is_warm = model.cooled_threshold().is_some_and(|from| self.score_milli >= from);
        moves.cooled = self.above_cooled && !is_warm;
        self.above_cooled = is_warm;
        moves
    }
}
