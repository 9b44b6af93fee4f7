//! On which line of the file a finding is. The file is read once more for it, with places, and only if something was
//! found: what a model means never depends on where it stands.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::compile::yaml_options;
use super::finding::Findings;

/// Gives every finding the line of the innermost part of its path that is there.
pub(super) fn locate(body: &[u8], findings: &mut Findings) {
    if findings.is_empty() {
        return;
    }
    let Ok(text) = std::str::from_utf8(body) else { return };
    if let Ok(root) = serde_saphyr::from_str_with_options::<Node>(text, yaml_options()) {
        findings.set_lines(|path| line_of(&root, path));
    }
}

/// The tree of a file, with the lines on which its parts begin. Scalars do not matter here.
enum Node {
    Scalar,
    List(Vec<(u64, Self)>),
    Mapping(Vec<(String, u64, Self)>),
}

/// Follows a path such as `rules[3].when.all[0].field`; none for the file as a whole.
fn line_of(root: &Node, path: &str) -> Option<u64> {
    let (mut node, mut line) = (root, None);
    for part in path.split('.').flat_map(|part| part.split_inclusive('[')).filter(|part| *part != "[") {
        let part = part.trim_end_matches('[');
        let next = match (node, part.strip_suffix(']')) {
            (Node::List(items), Some(index)) => {
                let item = index.parse::<usize>().ok().and_then(|index| items.get(index));
                item.map(|(line, item)| (*line, item))
            }
            (Node::Mapping(entries), None) => {
                entries.iter().find(|(key, ..)| key == part).map(|(_, line, value)| (*line, value))
            }
            _ => None,
        };
        let Some((next_line, next_node)) = next else { break };
        (node, line) = (next_node, Some(next_line));
    }
    line
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("anything")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Node>>()? {
            items.push((item.referenced.line(), item.value));
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Node>()? {
            entries.push((key.value, key.referenced.line(), value));
        }
        Ok(Node::Mapping(entries))
    }
}
