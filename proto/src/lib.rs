//! The public contracts of leadflow as Rust types: protobuf by prost, gRPC by tonic, proto3 JSON by pbjson.
//!
//! The only vocabulary that the services share. There is no logic here.
#![allow(missing_docs, unreachable_pub, reason = "generated from the .proto files, which carry the documentation")]
#![allow(clippy::all, clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods, reason = "generated")]

/// What people did: the value of the engagement topics.
pub mod engagement {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.engagement.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.engagement.v1.serde.rs"));
    }
}

/// The gRPC door and the rejects.
pub mod ingest {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.ingest.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.ingest.v1.serde.rs"));
    }
}

/// Leads, their reasons, and the commands of marketers.
pub mod qualification {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.qualification.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.qualification.v1.serde.rs"));
    }
}

/// Assigned leads, what reps do with them, reps and pools.
pub mod assignment {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.assignment.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.assignment.v1.serde.rs"));
    }
}

/// Journeys, mails, and what people said to them.
pub mod nurture {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.nurture.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.nurture.v1.serde.rs"));
    }
}

/// What any role writes when a record cannot be applied.
pub mod platform {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("leadflow.platform.v1");
        include!(concat!(env!("OUT_DIR"), "/leadflow.platform.v1.serde.rs"));
    }
}

/// All files as one `FileDescriptorSet`: for gRPC reflection and `leadflow schema`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
