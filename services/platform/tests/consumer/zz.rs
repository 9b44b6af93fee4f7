//! temporary
use std::sync::Arc;
use crate::support::{Noting, World, until};

fn services(cmd: &str) {
    let ok = std::process::Command::new("/work/main/deploy/local/services.sh").args([cmd, "/tmp/p1/services"]).status().expect("run").success();
    assert!(ok, "{cmd}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn zz_broker_restart() {
    let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).try_init();
    let world = World::new(4).await;
    let handler = Arc::new(Noting::default());
    for p in 0..4 { world.produce_numbered(p, &format!("a{p}"), 500); }
    let running = world.start(&handler).await;
    world.until_drained(4).await;
    for round in 0..2 {
        services(if round == 0 { "kafka-kill" } else { "kafka-stop" });
        tokio::time::sleep(std::time::Duration::from_secs(12)).await;
        services("kafka-start");
        for p in 0..4 { world.produce_numbered(p, &format!("b{round}{p}"), 500); }
        let t = std::time::Instant::now();
        until("drained", || async { world.count_effects().await == 2000 * (round + 2) }).await;
        println!("DRAINED AFTER {:?}", t.elapsed());
    }
    world.check_once_in_order(6000).await;
    let t = std::time::Instant::now();
    running.stop().await;
    println!("STOP TOOK {:?}", t.elapsed());
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let f: Vec<&str> = s.rsplit(')').next().expect("x").split_whitespace().collect();
    (f[11].parse::<f64>().expect("x") + f[12].parse::<f64>().expect("x")) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz_idle() {
    let world = World::new(12).await;
    let running = world.start(&Arc::new(Noting::default())).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let c = cpu();
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    println!("IDLE CPU {:.2} % of a core (debug build, publisher and producer included)", (cpu() - c) / 30.0 * 100.0);
    let t = std::time::Instant::now();
    running.stop().await;
    println!("STOP TOOK {:?}", t.elapsed());
}
