//! The rules about Rust files, held against the checkout.

use leadflow_tidy::{
    Finding,
    checkout::{File, rust_files},
    hold, layers, shape,
};

fn every(files: &[File], rule: impl Fn(&File) -> Vec<Finding>) -> Vec<Finding> {
    files.iter().flat_map(rule).collect()
}

fn only(keep: impl Fn(&File) -> bool) -> Vec<File> {
    rust_files().into_iter().filter(keep).collect()
}

#[test]
fn the_domain_is_pure() {
    let files = only(layers::is_domain);
    hold(
        "a `domain` module does no I/O, does not wait, draws nothing at random, reads no clock",
        "pass what it needs as a value (the one `now` comes from the transaction); do the I/O in handler, store or grpc",
        files.len(),
        15,
        &every(&files, layers::impure),
    );
}

#[test]
fn sql_stands_only_in_store() {
    let files = only(layers::is_without_sql);
    hold(
        "all SQL of a service stands in its `store`",
        "move the statement into a function of store.rs or store/ that says what it loads or saves",
        files.len(),
        40,
        &every(&files, layers::sql),
    );
}

#[test]
fn every_file_says_what_it_is() {
    let files = rust_files();
    hold(
        "every Rust file opens with `//!`: what it is, what it is not",
        "write that sentence as the first line",
        files.len(),
        80,
        &every(&files, |file| shape::without_head(file).into_iter().collect()),
    );
}

#[test]
fn no_file_is_a_warehouse() {
    let files = only(|file| !file.is_in("tests") && !file.is_in("benches"));
    hold(
        "no file has more than 350 lines (tests and benches may)",
        "split it along a real seam: each part with a `//!` of its own",
        files.len(),
        60,
        &every(&files, |file| shape::too_long(file).into_iter().collect()),
    );
}
