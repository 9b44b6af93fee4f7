//! Which partitions an operator may restart, and what is told of one that nobody took up.

use super::*;

fn row(state: &str) -> OffsetRow {
    OffsetRow {
        consumer: "qualification".to_owned(),
        topic: "leadflow.engagement.v1".to_owned(),
        partition: 3,
        incarnation: 1,
        first_offset: 0,
        next_offset: 120,
        epoch: 2,
        owner: None,
        state: state.to_owned(),
        stopped_reason: None,
        applied: 120,
        duplicate: 0,
        ignored: 0,
        parked: 0,
        dead: 0,
        skipped: 0,
        difference: 0,
        low_watermark: None,
        high_watermark: None,
        lag: None,
    }
}

#[test]
fn only_a_stopped_partition_is_restarted() {
    let which = |partition| Which {
        consumer: "qualification".to_owned(),
        topic: "leadflow.engagement.v1".to_owned(),
        partition,
    };
    assert!(refuse_running(&[row("stopped")], &which(3)).is_ok());
    let said = refuse_running(&[row("running")], &which(3)).expect_err("it runs").to_string();
    assert!(said.contains("offsets set qualification leadflow.engagement.v1 3 OFFSET"), "{said}");
    // Another partition says nothing about this one; that it is unknown says the command itself.
    assert!(refuse_running(&[row("running")], &which(4)).is_ok());
}

#[test]
fn a_moved_partition_that_nobody_took_up_is_told_from_a_running_one() {
    assert_eq!(cells(&row("running"))[5].as_str(), "not taken up");
    let taken = OffsetRow { owner: Some("qualification/host/1/a".to_owned()), ..row("running") };
    assert_eq!((cells(&taken)[5].as_str(), cells(&taken)[4].as_str()), ("running", "?"));
}
