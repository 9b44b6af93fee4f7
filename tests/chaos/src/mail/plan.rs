//! The plan of faults: drawn from the seed, ordered by how many of the leads are on the topic.

use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use super::MailArguments;
use super::deployment::PROCESSES;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// kill -9 of a process (index into [`PROCESSES`]), which is started again at once; at any moment, or while some mails
    /// are in DATA.
    Kill { process: usize, in_data: bool },
    /// SIGSTOP of a process whose mails are inside SMTP, SIGCONT when their leases are over.
    Zombie(usize),
    /// `pg_ctl stop -m immediate`, then start.
    PostgresStop,
}

/// Faults with the share of the leads (per mille) after which each is carried out. The same arguments draw the same plan.
pub(super) fn draw(arguments: &MailArguments) -> Vec<(u32, Fault)> {
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed ^ 0x3a11_05fa);
    let mut faults = Vec::new();
    for number in 0..arguments.kills {
        faults.push(Fault::Kill { process: random.random_range(0..PROCESSES.len()), in_data: number % 2 == 0 });
    }
    for _ in 0..arguments.zombies {
        faults.push(Fault::Zombie(random.random_range(0..PROCESSES.len())));
    }
    faults.extend((0..arguments.postgres_stops).map(|_| Fault::PostgresStop));
    faults.shuffle(&mut random);
    let mut at: Vec<u32> = faults.iter().map(|_| random.random_range(20..900)).collect();
    at.sort_unstable();
    at.into_iter().zip(faults).collect()
}
