//! Bytes of an accumulator: unsigned LEB128 numbers, one encoding per value. Nothing of the score is in here.
//!
//! ```text
//! empty accumulator: no bytes
//! otherwise: 1 (version), then per rule, ascending:
//!   number of the rule - number of the rule before - 1 (of the first rule: its number)
//!   how many days
//!   first day, zigzag; then per further day: day - day before - 1
//!   each day is followed by its count - 1
//! ```

use crate::domain::day::Day;
use crate::domain::rules::RuleNo;

use super::accumulator::{CorruptAccumulator, Entry};

const VERSION: u8 = 1;

pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut bytes = Vec::with_capacity(1 + entries.len() * 4);
    bytes.push(VERSION);
    let mut next_rule = 0;
    for days in entries.chunk_by(|a, b| a.rule == b.rule) {
        let rule = u64::from(days[0].rule.0);
        put(&mut bytes, rule - next_rule);
        next_rule = rule + 1;
        put(&mut bytes, days.len() as u64);
        let mut next_day = None;
        for entry in days {
            let day = i64::from(entry.day.0);
            match next_day {
                None => put(&mut bytes, zigzag(day)),
                Some(next) => put(&mut bytes, day.abs_diff(next)),
            }
            next_day = Some(day + 1);
            put(&mut bytes, entry.count - 1);
        }
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Entry>, CorruptAccumulator> {
    let mut reader = Reader { bytes, offset: 0 };
    // An entry has two bytes or more.
    let mut entries = Vec::with_capacity(bytes.len() / 2);
    if bytes.is_empty() {
        return Ok(entries);
    }
    if reader.byte()? != VERSION || bytes.len() == 1 {
        return Err(CorruptAccumulator { what: "a known version", offset: 0 });
    }
    let mut next_rule = 0u64;
    while reader.offset < bytes.len() {
        let number = reader.number()?.checked_add(next_rule);
        let rule = number.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| reader.corrupt("a rule"))?;
        next_rule = u64::from(rule) + 1;
        read_days(&mut reader, RuleNo(rule), &mut entries)?;
    }
    Ok(entries)
}

fn read_days(reader: &mut Reader<'_>, rule: RuleNo, entries: &mut Vec<Entry>) -> Result<(), CorruptAccumulator> {
    let days = reader.number()?;
    if days == 0 {
        return Err(reader.corrupt("at least one day"));
    }
    let mut next_day = None;
    for _ in 0..days {
        let number = reader.number()?;
        let day = match next_day {
            None => Some(unzigzag(number)),
            Some(next) => i64::try_from(number).ok().and_then(|step| step.checked_add(next)),
        };
        let day = day.and_then(|day| i32::try_from(day).ok()).ok_or_else(|| reader.corrupt("a day"))?;
        next_day = Some(i64::from(day) + 1);
        let count = reader.number()?.checked_add(1).ok_or_else(|| reader.corrupt("a count"))?;
        entries.push(Entry { rule, day: Day(day), count });
    }
    Ok(())
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

const fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    const fn corrupt(&self, what: &'static str) -> CorruptAccumulator {
        CorruptAccumulator { what, offset: self.offset }
    }

    fn byte(&mut self) -> Result<u8, CorruptAccumulator> {
        let byte = *self.bytes.get(self.offset).ok_or_else(|| self.corrupt("more bytes"))?;
        self.offset += 1;
        Ok(byte)
    }

    /// Refuses what does not fit 64 bits and what could be written shorter: one encoding per number.
    fn number(&mut self) -> Result<u64, CorruptAccumulator> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                return Err(self.corrupt("a number in its shortest form"));
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.corrupt("a number of 64 bits"))
    }
}
