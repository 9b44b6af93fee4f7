//! The plan of faults: drawn from the seed, ordered by how much of the traffic was acknowledged, so that it does not
//! depend on how fast the machine is.

use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::RunArguments;
use crate::team::ROLES;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9 of one role's process (index into [`ROLES`]), which is then started again.
    Kill(usize),
    /// SIGSTOP of one process until another has taken its partitions, then SIGCONT. `in_transaction`: stopped while its
    /// session is inside a transaction.
    Zombie {
        /// Index into [`ROLES`].
        process: usize,
        /// Insist on an open transaction.
        in_transaction: bool,
    },
    /// `pg_ctl stop -m immediate`, then start.
    PostgresStop,
    /// kill -9 of the broker, then start.
    BrokerStop,
}

/// Faults with the share of the traffic (per mille) after which each is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<(u32, Fault)>,
}

impl Plan {
    /// The same arguments draw the same plan.
    pub(crate) fn draw(arguments: &RunArguments) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(arguments.seed ^ 0x0c4a_05fa);
        let mut faults = Vec::new();
        for _ in 0..arguments.kills {
            faults.push(Fault::Kill(random.random_range(0..ROLES.len())));
        }
        let stateful: Vec<usize> = (0..ROLES.len()).filter(|process| ROLES[*process].role != "ingest").collect();
        for number in 0..arguments.zombies {
            let process = stateful[random.random_range(0..stateful.len())];
            faults.push(Fault::Zombie { process, in_transaction: number % 2 == 0 });
        }
        faults.extend((0..arguments.postgres_stops).map(|_| Fault::PostgresStop));
        faults.extend((0..arguments.broker_stops).map(|_| Fault::BrokerStop));
        faults.shuffle(&mut random);
        let mut at: Vec<u32> = faults.iter().map(|_| random.random_range(20..950)).collect();
        at.sort_unstable();
        Self { faults: at.into_iter().zip(faults).collect() }
    }

    /// "25 kills, 5 zombies, 3 PostgreSQL stops, 2 broker stops".
    pub(crate) fn summary(&self) -> String {
        let count = |wanted: fn(&Fault) -> bool| self.faults.iter().filter(|(_, fault)| wanted(fault)).count();
        format!(
            "{} kills, {} zombies, {} PostgreSQL stops, {} broker stops",
            count(|fault| matches!(fault, Fault::Kill(_))),
            count(|fault| matches!(fault, Fault::Zombie { .. })),
            count(|fault| matches!(fault, Fault::PostgresStop)),
            count(|fault| matches!(fault, Fault::BrokerStop)),
        )
    }
}
