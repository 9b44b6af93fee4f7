//! Compiles the .proto files without protoc: protox makes one descriptor set, tonic-prost-build the Rust types,
//! pbjson-build their proto3 JSON. The same descriptor set feeds gRPC reflection and `leadflow schema`.
use prost::Message as _;
use std::{env, fs, path::PathBuf};

const FILES: [&str; 13] = [
    "leadflow/engagement/v1/engagement_event.proto",
    "leadflow/ingest/v1/ingest_service.proto",
    "leadflow/ingest/v1/rejected_event.proto",
    "leadflow/qualification/v1/lead_event.proto",
    "leadflow/qualification/v1/lead_service.proto",
    "leadflow/qualification/v1/admin_service.proto",
    "leadflow/assignment/v1/assignment_event.proto",
    "leadflow/assignment/v1/assignment_service.proto",
    "leadflow/assignment/v1/admin_service.proto",
    "leadflow/nurture/v1/nurture_event.proto",
    "leadflow/nurture/v1/nurture_service.proto",
    "leadflow/nurture/v1/admin_service.proto",
    "leadflow/platform/v1/dead_letter.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=leadflow");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(FILES, ["."])?;
    let bytes = descriptors.encode_to_vec();
    fs::write(out.join("descriptor.bin"), &bytes)?;
    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        // Sorted maps: the same message has the same bytes on every machine, which replay compares.
        .btree_map(".")
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new().register_descriptors(&bytes)?.btree_map([".leadflow"]).build(&[".leadflow"])?;
    Ok(())
}
