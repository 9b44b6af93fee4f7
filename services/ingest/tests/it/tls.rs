//! What the configuration says about TLS is done, or the role does not start: it must never listen in plain text instead.

use leadflow_ingest::{IngestConfig, Parts, start};
use leadflow_platform::access::{Access, NewKey, Scope, create};
use leadflow_platform::clock::wall_now;
use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{TlsConfig, bind};

#[tokio::test]
async fn a_certificate_that_is_not_there_stops_the_start() {
    let folder = std::env::temp_dir().join(format!("leadflow-ingest-tls-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("sources.yaml"), "sources: { web: {} }").unwrap();
    let keys = folder.join("keys.yaml");
    create(&keys, NewKey { name: "web".to_owned(), scopes: vec![Scope::Publish], ..NewKey::default() }, wall_now())
        .unwrap();
    let mut config = IngestConfig::new(([127, 0, 0, 1], 0).into(), folder.join("sources.yaml"));
    let certificate_file = folder.join("tls.crt");
    config.tls = Some(TlsConfig { certificate_file, key_file: folder.join("tls.key") });
    let tasks = Tasks::new();
    let parts = Parts {
        tasks: tasks.clone(),
        health: Health::new(),
        access: Access::load(&keys).unwrap(),
        identity_key: IdentityKey::from_secret([7; 32]),
        kafka: KafkaConfig::new("127.0.0.1:9", "away."),
    };
    let listener = bind(config.listen).await.unwrap();
    let error = format!("{:#}", start(&config, parts, listener).await.unwrap_err());
    assert!(error.contains("tls.crt"), "{error}");
    let _ = std::fs::remove_dir_all(&folder);
}
