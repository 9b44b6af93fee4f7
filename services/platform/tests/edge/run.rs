//! Tasks: the first failure stops all and keeps its name, a drain has an end, signals are heard. Signals need a process of
//! their own: the test program starts itself again and runs the one test that is a child.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadflow_platform::run::Tasks;

use crate::support::PATIENCE;

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn the_first_failure_stops_all_and_has_its_name() {
    let tasks = Tasks::new();
    let drained = Arc::new(AtomicBool::new(false));
    let (stop, noted) = (tasks.stop_token(), Arc::clone(&drained));
    tasks.spawn("worker", async move {
        stop.cancelled().await;
        tokio::task::yield_now().await;
        noted.store(true, Ordering::SeqCst);
        anyhow::bail!("a later failure does not hide the first")
    });
    tasks.spawn("short", async { Ok(()) });
    tasks.spawn("broken", async { anyhow::bail!("no table") });
    let error = tasks.run_until(std::future::pending(), PATIENCE).await.expect_err("a failure");
    assert_eq!(format!("{error:#}"), "task broken failed: no table");
    assert!(drained.load(Ordering::SeqCst), "the others finished their work");
}

#[tokio::test]
async fn a_task_that_returns_stops_nothing() {
    let tasks = Tasks::new();
    tasks.spawn("short", async { Ok(()) });
    tokio::time::sleep(SHORT).await;
    assert!(!tasks.stop_token().is_cancelled());
    // A task may start others, also through a handle.
    let handle = tasks.handle();
    tasks.spawn("parent", async move {
        handle.spawn("child", async { Ok(()) });
        Ok(())
    });
    tasks.run_until(tokio::time::sleep(SHORT), PATIENCE).await.expect("a clean end");
}

#[tokio::test]
async fn a_panic_is_a_failure_with_a_name() {
    let tasks = Tasks::new();
    tasks.spawn("shaky", async { panic!("secret of somebody") });
    let error = format!("{:#}", tasks.run_until(std::future::pending(), PATIENCE).await.expect_err("a failure"));
    assert!(error.starts_with("task shaky failed: panicked") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_thread_can_fail_too() {
    let tasks = Tasks::new();
    let handle = tasks.handle();
    std::thread::spawn(move || handle.fail("poller", anyhow::anyhow!("gone")));
    let error = tasks.run_until(std::future::pending(), PATIENCE).await.expect_err("a failure");
    assert_eq!(format!("{error:#}"), "task poller failed: gone");
}

#[tokio::test]
async fn a_drain_ends_by_naming_who_is_still_there() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let tasks = Tasks::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let held = Dropped(Arc::clone(&dropped));
    tasks.spawn("deaf", async move {
        let _held = held;
        std::future::pending().await
    });
    let stop = tasks.stop_token();
    tasks.spawn("good", async move {
        stop.cancelled().await;
        Ok(())
    });
    let error = tasks.run_until(std::future::ready(()), SHORT).await.expect_err("a failure");
    assert_eq!(format!("{error:#}"), "task drain failed: still running after 50ms: deaf");
    tokio::time::sleep(SHORT).await;
    assert!(dropped.load(Ordering::SeqCst), "what it held was given back");
}

/// Not a test of its own: the process that gets the signals.
#[test]
#[ignore = "run as a child by the tests below"]
fn child_that_waits_for_signals() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let result = runtime.block_on(async {
        let tasks = Tasks::new();
        let stop = tasks.stop_token();
        let slow = std::env::var_os("LEADFLOW_TEST_SLOW_DRAIN").is_some();
        tasks.spawn("worker", async move {
            // Told only when the handlers stand: a signal before would end the process.
            tokio::time::sleep(SHORT).await;
            println!("ready");
            stop.cancelled().await;
            println!("draining");
            if slow {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        tasks.run_until_signal(PATIENCE).await
    });
    println!("ended {result:?}");
    result.expect("a clean end");
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(slow: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "run::child_that_waits_for_signals", "--ignored", "--nocapture"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        if slow {
            command.env("LEADFLOW_TEST_SLOW_DRAIN", "1");
        }
        let mut child = command.spawn().expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    fn wait_for(&mut self, text: &str) {
        let found = self.lines.by_ref().map_while(Result::ok).any(|line| line.contains(text));
        assert!(found, "the child never said {text:?}");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }
}

#[test]
fn sigterm_and_sigint_drain_and_end_well() {
    for signal in ["TERM", "INT"] {
        let mut child = Process::start(false);
        child.wait_for("ready");
        child.signal(signal);
        child.wait_for("draining");
        child.wait_for("ended Ok(())");
        assert_eq!(child.code(), Some(0));
    }
}

#[test]
fn a_second_sigint_ends_at_once() {
    let mut child = Process::start(true);
    child.wait_for("ready");
    child.signal("INT");
    child.wait_for("draining");
    std::thread::sleep(SHORT);
    child.signal("INT");
    assert_eq!(child.code(), Some(130));
}
