//! Plainly fictional people and companies, under `.example` and `.test` names. Drawn by seed: the same seed, the same cast.

use rand::{RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

const GIVEN: [&str; 24] = [
    "Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kofi", "Lena", "Mateo",
    "Noor", "Olga", "Priya", "Quentin", "Rosa", "Sven", "Tala", "Umar", "Vera", "Wen", "Zoë",
];
const FAMILY: [&str; 20] = [
    "Abara",
    "Bergström",
    "Castillo",
    "Dorsey",
    "Eklund",
    "Ferrante",
    "Grünwald",
    "Hassan",
    "Ibarra",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakata",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rossi",
    "Sato",
    "Tremblay",
];
const COMPANY: [(&str, &str); 14] = [
    ("Northwind Analytics", "northwind-analytics"),
    ("Blue Harbor Logistics", "blue-harbor"),
    ("Cedar & Stone", "cedar-stone"),
    ("Dynamo Foods", "dynamo-foods"),
    ("Evergreen Clinics", "evergreen-clinics"),
    ("Fjord Energy", "fjord-energy"),
    ("Granite Insurance", "granite-insurance"),
    ("Helix Robotics", "helix-robotics"),
    ("Indigo Textiles", "indigo-textiles"),
    ("Juniper Hotels", "juniper-hotels"),
    ("Kestrel Aviation", "kestrel-aviation"),
    ("Lumen Schools", "lumen-schools"),
    ("Meridian Water", "meridian-water"),
    ("Nimbus Games", "nimbus-games"),
];
const TITLE: [&str; 8] = [
    "Head of Marketing",
    "VP Sales",
    "CTO",
    "Operations Manager",
    "Founder",
    "Revenue Analyst",
    "Procurement Lead",
    "Director of IT",
];

/// Somebody who buys, or might.
#[derive(Clone, Debug)]
pub struct Person {
    /// First name.
    pub given_name: &'static str,
    /// Last name.
    pub family_name: &'static str,
    /// Name of the company.
    pub company: &'static str,
    /// Job title.
    pub title: &'static str,
    /// Address under a `.example` domain; the run's number is in it.
    pub email: String,
    /// Browser id.
    pub anonymous_id: String,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// IANA name.
    pub time_zone: &'static str,
    /// Head count of the company.
    pub employees: u32,
}

/// Draws people one after another; nobody twice within a run.
pub struct Casting {
    random: ChaCha8Rng,
    tag: String,
    drawn: usize,
}

impl Casting {
    /// `run_number` goes into addresses and browser ids, so that another run brings other people.
    #[must_use]
    pub fn new(seed: u64, run_number: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed ^ run_number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { random, tag: format!("r{run_number}"), drawn: 0 }
    }

    /// The next person.
    pub fn person(&mut self) -> Person {
        let company = COMPANY.choose(&mut self.random).unwrap_or(&COMPANY[0]);
        self.person_at(company.0, &format!("{}.example", company.1))
    }

    /// Somebody of a given company and domain.
    pub fn person_at(&mut self, company: &'static str, domain: &str) -> Person {
        let given_name = GIVEN[(self.drawn * 7 + self.random.random_range(0..GIVEN.len())) % GIVEN.len()];
        let family_name = FAMILY[(self.drawn * 3 + self.random.random_range(0..FAMILY.len())) % FAMILY.len()];
        self.drawn += 1;
        let (country, time_zone) =
            if self.drawn.is_multiple_of(2) { ("US", "America/New_York") } else { ("DE", "Europe/Berlin") };
        let local = format!("{}.{}.{}{}", ascii(given_name), ascii(family_name), self.tag, self.drawn);
        Person {
            given_name,
            family_name,
            company,
            title: TITLE.choose(&mut self.random).unwrap_or(&TITLE[0]),
            email: format!("{local}@{domain}"),
            anonymous_id: format!("browser-{}-{}-{:08x}", self.tag, self.drawn, self.random.random::<u32>()),
            country,
            time_zone,
            employees: *[25, 80, 220, 900, 4000].choose(&mut self.random).unwrap_or(&80),
        }
    }
}

fn ascii(name: &str) -> String {
    let plain = name.to_lowercase().replace('ö', "o").replace('ü', "u").replace('ë', "e");
    plain.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_cast_and_another_run_other_addresses() {
        let cast = |seed, run| {
            let mut casting = Casting::new(seed, run);
            (0..20).map(|_| casting.person().email).collect::<Vec<_>>()
        };
        assert_eq!(cast(1, 1), cast(1, 1));
        let (first, second) = (cast(1, 1), cast(1, 2));
        assert!(first.iter().all(|email| !second.contains(email)));
        assert!(first.iter().all(|email| email.ends_with(".example") && email.is_ascii()));
        let mut unique = first.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), first.len());
    }
}
