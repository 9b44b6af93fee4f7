//! Replacements in a text, gathered while it is read and carried out at once; positions afterwards are told back to
//! positions before, so that a fault can be shown where somebody wrote it.

use std::ops::Range;

/// Replacements in one text. They may not overlap.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    list: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Replaces a range of bytes.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.list.push((range, with.into()));
    }

    /// The text with everything replaced.
    pub(crate) fn apply(mut self, source: &str) -> Edited {
        self.list.sort_by_key(|(range, _)| (range.start, range.end));
        let mut edited =
            Edited { text: String::with_capacity(source.len()), shifts: Vec::with_capacity(self.list.len()) };
        let mut copied = 0;
        for (range, with) in self.list {
            edited.text.push_str(&source[copied..range.start]);
            edited.text.push_str(&with);
            edited.shifts.push((edited.text.len(), range.end));
            copied = range.end;
        }
        edited.text.push_str(&source[copied..]);
        edited
    }
}

/// A text after its replacements.
#[derive(Debug)]
pub(crate) struct Edited {
    /// The text.
    pub(crate) text: String,
    /// End of each replacement, afterwards and before.
    shifts: Vec<(usize, usize)>,
}

impl Edited {
    /// Where a byte of the new text stood in the old one; inside a replacement, its end.
    pub(crate) fn origin(&self, position: usize) -> usize {
        let index = self.shifts.partition_point(|(after, _)| *after <= position);
        let (after, before) = index.checked_sub(1).map_or((0, 0), |index| self.shifts[index]);
        let origin = before + (position - after);
        self.shifts.get(index).map_or(origin, |(_, next)| origin.min(*next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_texts_know_where_they_came_from() {
        let mut edits = Edits::default();
        edits.replace(6..7, "--");
        edits.replace(2..4, "");
        edits.replace(4..4, "<new>");
        let edited = edits.apply("abcdefghi");
        assert_eq!(edited.text, "ab<new>ef--hi");
        let origin = |needle: &str| edited.origin(edited.text.find(needle).unwrap());
        assert_eq!(
            (origin("a"), origin("b"), origin("ef"), origin("f"), origin("hi"), origin("i")),
            (0, 1, 4, 5, 7, 8)
        );
    }
}
