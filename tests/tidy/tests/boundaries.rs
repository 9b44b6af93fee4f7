//! The rules about who may know whom, and what may leave the house, held against the checkout.

use leadflow_tidy::{
    checkout::{File, files},
    hold, layers, manifest, published,
};

/// The public names of a deployment (topics, scopes of keys, metrics) are one list each, so that an operator finds them in
/// one place; a name in such a list is no knowledge of what it means.
const LISTS_OF_PUBLIC_NAMES: [&str; 4] = [
    "services/platform/src/topics.rs",
    "services/platform/src/topics/file.rs",
    "services/platform/src/access/file.rs",
    "services/platform/src/telemetry/metrics.rs",
];

#[test]
fn the_platform_never_says_lead() {
    // Tests need some topic to write to, and take its public name.
    let is_held = |path: &str| {
        path.starts_with("services/platform/src/")
            && !path.ends_with("_tests.rs")
            && !LISTS_OF_PUBLIC_NAMES.contains(&path)
    };
    let files: Vec<File> = files().into_iter().filter(|file| is_held(&file.path)).collect();
    hold(
        "services/platform never says the word lead (but for the name leadflow and the lists of public names)",
        "move what knows leads into a service or the protos, or say it in general words (record, aggregate, key)",
        files.len(),
        20,
        &files.iter().flat_map(layers::says_lead).collect::<Vec<_>>(),
    );
}

#[test]
fn services_never_depend_on_services() {
    let mut visited = 0;
    let mut findings = Vec::new();
    for file in files() {
        let allowed: &[&str] =
            match file.path.strip_prefix("services/").and_then(|rest| rest.strip_suffix("/Cargo.toml")) {
                // The binary assembles the roles.
                None | Some("leadflow") => continue,
                // For the feature "testing" of its own tests.
                Some("platform") => &["leadflow-platform", "leadflow-proto"],
                // The SMTP server of its tests.
                Some("nurture") => &["leadflow-platform", "leadflow-proto", "leadflow-mailbox"],
                Some(_) => &["leadflow-platform", "leadflow-proto"],
            };
        visited += 1;
        findings.extend(manifest::forbidden_dependencies(&file, allowed));
    }
    hold(
        "of our crates a service names only leadflow-platform and leadflow-proto, the platform only leadflow-proto",
        "talk through a topic or gRPC with the public protos; what both need and knows no business goes to the platform",
        visited,
        4,
        &findings,
    );
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let files = files();
    hold(
        "no file names a folder that exists on one person's machine",
        "write the path from the root of the checkout",
        files.len(),
        120,
        &files.iter().flat_map(published::private_paths).collect::<Vec<_>>(),
    );
}

#[test]
fn no_lock_file_records_a_mirror() {
    let files: Vec<File> = files().into_iter().filter(published::is_lock_file).collect();
    hold(
        "no lock file records where one machine fetched its packages",
        "npm: omit-lockfile-registry-resolved=true; cargo: the public index; then write the lock file anew",
        files.len(),
        1,
        &files.iter().flat_map(published::recorded_addresses).collect::<Vec<_>>(),
    );
}
