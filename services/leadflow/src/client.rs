//! gRPC clients of the roles: address and key from flags or the environment.

use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::{assignment::v1 as assignment, nurture::v1 as nurture, qualification::v1 as qualification};
use tonic::{
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

/// Addresses and key.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Address of the qualification role.
    #[arg(
        long,
        global = true,
        env = "LEADFLOW_QUALIFICATION_URL",
        default_value = "http://127.0.0.1:8081",
        value_name = "URL"
    )]
    qualification_url: String,
    /// Address of the assignment role.
    #[arg(
        long,
        global = true,
        env = "LEADFLOW_ASSIGNMENT_URL",
        default_value = "http://127.0.0.1:8083",
        value_name = "URL"
    )]
    assignment_url: String,
    /// Address of the nurture role.
    #[arg(
        long,
        global = true,
        env = "LEADFLOW_NURTURE_URL",
        default_value = "http://127.0.0.1:8082",
        value_name = "URL"
    )]
    nurture_url: String,
    /// API key; rather from the environment than typed.
    #[arg(long, global = true, env = "LEADFLOW_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// Adds the key to each call.
#[derive(Clone)]
pub(crate) struct Authorize(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A channel with the key on it.
pub(crate) type Authorized = InterceptedService<Channel, Authorize>;

/// Both sides' limit.
const MAX_MESSAGE: usize = 4 << 20;

impl Connection {
    async fn channel(&self, name: &str, url: &str) -> anyhow::Result<Authorized> {
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .with_context(|| format!("the {name} address `{url}` is no URL"))?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        if url.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
        }
        let channel = endpoint.connect().await.with_context(|| format!("cannot reach {name} at {url}"))?;
        let bearer = match &self.api_key {
            Some(key) => Some(format!("Bearer {key}").parse().context("the API key has characters that no key has")?),
            None => None,
        };
        Ok(InterceptedService::new(channel, Authorize(bearer)))
    }

    async fn qualification(&self) -> anyhow::Result<Authorized> {
        self.channel("qualification", &self.qualification_url).await
    }

    async fn assignment(&self) -> anyhow::Result<Authorized> {
        self.channel("assignment", &self.assignment_url).await
    }

    pub(crate) async fn nurture(
        &self,
    ) -> anyhow::Result<nurture::nurture_service_client::NurtureServiceClient<Authorized>> {
        let channel = self.channel("nurture", &self.nurture_url).await?;
        Ok(nurture::nurture_service_client::NurtureServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
    }

    pub(crate) async fn nurture_admin(
        &self,
    ) -> anyhow::Result<nurture::nurture_admin_service_client::NurtureAdminServiceClient<Authorized>> {
        let channel = self.channel("nurture", &self.nurture_url).await?;
        Ok(nurture::nurture_admin_service_client::NurtureAdminServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE))
    }

    pub(crate) async fn leads(
        &self,
    ) -> anyhow::Result<qualification::lead_service_client::LeadServiceClient<Authorized>> {
        let channel = self.qualification().await?;
        Ok(qualification::lead_service_client::LeadServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
    }

    pub(crate) async fn qualification_admin(
        &self,
    ) -> anyhow::Result<qualification::qualification_admin_service_client::QualificationAdminServiceClient<Authorized>>
    {
        Ok(qualification::qualification_admin_service_client::QualificationAdminServiceClient::new(
            self.qualification().await?,
        ))
    }

    pub(crate) async fn stream(
        &self,
    ) -> anyhow::Result<assignment::assignment_stream_service_client::AssignmentStreamServiceClient<Authorized>> {
        let channel = self.assignment().await?;
        Ok(assignment::assignment_stream_service_client::AssignmentStreamServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE))
    }

    pub(crate) async fn reps(&self) -> anyhow::Result<assignment::rep_service_client::RepServiceClient<Authorized>> {
        Ok(assignment::rep_service_client::RepServiceClient::new(self.assignment().await?))
    }

    pub(crate) async fn assignment_admin(
        &self,
    ) -> anyhow::Result<assignment::assignment_admin_service_client::AssignmentAdminServiceClient<Authorized>> {
        Ok(assignment::assignment_admin_service_client::AssignmentAdminServiceClient::new(self.assignment().await?))
    }
}
