//! Which hits of links are those of people. Mail gateways follow every link within seconds of the delivery, by HEAD and by
//! GET, and the one that no person sees as well; what they do is no click, moves nobody and unsubscribes nobody.

use std::collections::BTreeSet;

/// The link that people cannot see.
pub const HONEYPOT: i32 = 0xFFFF;
/// The picture.
pub const PICTURE: i32 = -1;

/// One hit of a mail, as judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// 1 and up; [`HONEYPOT`]; [`PICTURE`].
    pub link_no: i32,
    /// Microseconds since 1970.
    pub at_us: i64,
    /// HEAD asks for nothing that a person could see.
    pub is_head: bool,
    /// Tells one visitor from another.
    pub visitor: &'a [u8],
    /// Judged before: it counted.
    pub counted: bool,
}

/// What is thought of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A person, for the first time.
    Counts,
    /// A machine, and what gave it away.
    Machine(&'static str),
    /// A person, again.
    Repeat,
}

/// Hits so close to each other belong together.
const BURST_US: i64 = 60_000_000;
/// So many different links in [`QUICK_US`] are more than a person opens.
const MANY_LINKS: usize = 3;
/// See [`MANY_LINKS`].
const QUICK_US: i64 = 10_000_000;
/// All links of a mail with few, faster than somebody comes back to it from the first.
const AT_ONCE_US: i64 = 2_000_000;

/// Judges all hits of one mail, which are in the order of time. `links` is how many the mail has.
#[must_use]
pub fn judge(hits: &[Hit<'_>], links: usize) -> Vec<Verdict> {
    let mut counted: BTreeSet<i32> = hits.iter().filter(|hit| hit.counted).map(|hit| hit.link_no).collect();
    let verdict = |hit: &Hit<'_>| -> Verdict {
        if let Some(why) = machine(hit, hits, links) {
            return Verdict::Machine(why);
        }
        if hit.counted || counted.insert(hit.link_no) { Verdict::Counts } else { Verdict::Repeat }
    };
    hits.iter().map(verdict).collect()
}

fn machine(hit: &Hit<'_>, hits: &[Hit<'_>], links: usize) -> Option<&'static str> {
    if hit.is_head {
        return Some("head");
    }
    if hit.link_no == HONEYPOT {
        return Some("honeypot");
    }
    let around = near(hits, hit.at_us, BURST_US);
    // A gateway may come from many addresses and under many names: whoever is near the invisible link is suspect.
    if around.iter().any(|other| other.link_no == HONEYPOT) {
        return Some("near_honeypot");
    }
    if around.iter().any(|other| other.is_head && other.visitor == hit.visitor) {
        return Some("visitor_sent_head");
    }
    let different = |within_us: i64| {
        let links = near(hits, hit.at_us, within_us).iter().map(|other| other.link_no).filter(|link_no| *link_no >= 1);
        links.collect::<BTreeSet<i32>>().len()
    };
    let is_quick = different(QUICK_US) >= MANY_LINKS || different(AT_ONCE_US) >= links.max(2);
    (hit.link_no >= 1 && is_quick).then_some("burst")
}

/// Those within so many microseconds of a moment. A mail has few hits in a minute, but may have many in its life.
fn near<'a, 'b>(hits: &'b [Hit<'a>], at_us: i64, within_us: i64) -> &'b [Hit<'a>] {
    let from = hits.partition_point(|other| other.at_us < at_us - within_us);
    let until = hits.partition_point(|other| other.at_us <= at_us + within_us);
    &hits[from..until]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn hit(link_no: i32, at_us: i64, visitor: &[u8]) -> Hit<'_> {
        Hit { link_no, at_us, is_head: false, visitor, counted: false }
    }

    #[test]
    fn a_person_counts_once_a_link() {
        let hits =
            [hit(PICTURE, 0, b"p"), hit(1, 5 * SECOND, b"p"), hit(1, 9 * SECOND, b"p"), hit(2, 100 * SECOND, b"p")];
        assert_eq!(judge(&hits, 5), [Verdict::Counts, Verdict::Counts, Verdict::Repeat, Verdict::Counts]);
    }

    #[test]
    fn a_gateway_never_counts_and_a_person_after_it_does() {
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for link_no in [1, 2, HONEYPOT] {
            hits.push(Hit { is_head: true, ..hit(link_no, i64::from(link_no % 7) * SECOND, b"gateway") });
            hits.push(hit(link_no, i64::from(link_no % 7) * SECOND + 1, b"another address"));
        }
        hits.sort_by_key(|hit| hit.at_us);
        hits.push(hit(2, 3600 * SECOND, b"person"));
        let verdicts = judge(&hits, 2);
        assert!(verdicts[..6].iter().all(|verdict| matches!(verdict, Verdict::Machine(_))), "{verdicts:?}");
        assert_eq!(verdicts[6], Verdict::Counts);
    }

    #[test]
    fn all_links_at_once_are_a_machine_even_without_the_trap() {
        let hits = [hit(1, 0, b"a"), hit(2, SECOND, b"b"), hit(3, 2 * SECOND, b"c")];
        assert!(judge(&hits, 3).iter().all(|verdict| *verdict == Verdict::Machine("burst")));
        let two = [hit(1, 0, b"a"), hit(2, SECOND, b"b")];
        assert!(judge(&two, 2).iter().all(|verdict| *verdict == Verdict::Machine("burst")));
        // A person who comes back to the mail and opens the other one.
        assert_eq!(judge(&[hit(1, 0, b"a"), hit(2, 5 * SECOND, b"a")], 2), [Verdict::Counts, Verdict::Counts]);
        // One link alone says nothing.
        assert_eq!(judge(&[hit(1, 0, b"a")], 1), [Verdict::Counts]);
    }

    #[test]
    fn what_counted_before_stays_and_makes_the_next_a_repeat() {
        let hits = [Hit { counted: true, ..hit(1, 0, b"p") }, hit(1, 500 * SECOND, b"p")];
        assert_eq!(judge(&hits, 5), [Verdict::Counts, Verdict::Repeat]);
    }
}
