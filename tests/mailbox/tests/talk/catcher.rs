//! The program: its ready file, its faults, its table.

use std::process::{Child, Command, Stdio};

use leadflow_mailbox::read_log;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Folder, PATIENCE};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(folder: &Folder, arguments: &[&str]) -> (Running, String) {
    let ready = folder.0.with_extension("ready");
    let child = Command::new(env!("CARGO_BIN_EXE_mail-catcher"))
        .args(["--listen", "127.0.0.1:0", "--folder"])
        .arg(&folder.0)
        .arg("--ready-file")
        .arg(&ready)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    let address = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Ok(address) = std::fs::read_to_string(&ready) {
                return address.trim().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    let address = address.await.expect("the ready file");
    std::fs::remove_file(ready).unwrap();
    (running, address)
}

async fn send(address: &str, to: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let group = format!(
        "EHLO c.test\r\nMAIL FROM:<us@example.test>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: Hello\r\n\r\n.\r\nQUIT\r\n"
    );
    stream.write_all(group.as_bytes()).await.unwrap();
    let mut answers = String::new();
    let _ = stream.read_to_string(&mut answers).await;
    answers
}

#[tokio::test]
async fn a_process_keeps_what_it_said_it_kept_and_shows_it() {
    let folder = Folder::new();
    let script = folder.0.with_extension("json");
    std::fs::write(&script, r#"{"pinned": {"never@example.test": "rcpt_never"}}"#).unwrap();
    let (running, address) = start(&folder, &["--script", script.to_str().unwrap()]).await;
    std::fs::remove_file(script).unwrap();
    assert!(send(&address, "ada@example.test").await.contains("250 2.0.0 kept as 000001-"));
    assert!(send(&address, "never@example.test").await.contains("550 5.1.1"));
    // kill -9: nothing of what was said may be lost.
    drop(running);
    let log = read_log(&folder.0).unwrap();
    assert_eq!(log.iter().map(|entry| entry.kept).collect::<Vec<_>>(), [true, false]);
    let shown = Command::new(env!("CARGO_BIN_EXE_mail-catcher")).arg("list").arg(&folder.0).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for text in ["ada@example.test", "Hello", "kept 250", "refused 550 (RcptNever)", "1 of 2 attempts were kept"] {
        assert!(shown.contains(text), "{text:?} is not in\n{shown}");
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in
        [&[][..], &["--folder", "x", "--faults", "1", "--script", "y"], &["--folder", "x", "--script", "missing"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_mail-catcher")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
    }
}
