//! A role that answers any call with what a test wrote down, over a real socket: what a command makes of an answer is seen
//! without a deployment behind it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use bytes::{Buf as _, BufMut as _};
use clap::Parser as _;
use leadflow_platform::run::Tasks;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::{Request, Response, Status};

use crate::cli::Arguments;
use crate::output::Output;

type Answer = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync>;
/// Method and request.
type Asked = (String, Vec<u8>);

/// Answers by method: "LeadService/GetLead".
#[derive(Clone, Default)]
pub(super) struct FakeRole {
    answers: BTreeMap<&'static str, Answer>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeRole {
    /// The same answer to every call of `method`.
    pub(super) fn says(self, method: &'static str, answer: &impl Message) -> Self {
        let bytes = answer.encode_to_vec();
        self.does(method, move |_| Ok(bytes.clone()))
    }

    /// An answer that depends on the request.
    pub(super) fn answers<Q, A>(self, method: &'static str, answer: impl Fn(Q) -> A + Send + Sync + 'static) -> Self
    where
        Q: Message + Default,
        A: Message,
    {
        self.does(method, move |request| {
            let request = Q::decode(request).map_err(|error| Status::internal(error.to_string()))?;
            Ok(answer(request).encode_to_vec())
        })
    }

    /// Refuses every call of `method`.
    pub(super) fn refuses(self, method: &'static str, status: Status) -> Self {
        self.does(method, move |_| Err(status.clone()))
    }

    fn does(
        mut self,
        method: &'static str,
        answer: impl Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) -> Self {
        self.answers.insert(method, Arc::new(answer));
        self
    }

    /// Runs a command line against this role; what it printed, and how it ended.
    pub(super) async fn run(&self, line: &str, json: bool, colour: bool) -> (String, anyhow::Result<ExitCode>) {
        // Started by whoever first needs it in this process, as `main` does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tasks = Tasks::new();
        let url = self.start(&tasks).await;
        let mut words = vec!["leadflow", "--api-key", "k"];
        for flag in ["--qualification-url", "--assignment-url", "--nurture-url"] {
            words.extend([flag, &url]);
        }
        words.extend(line.split(' '));
        if json {
            words.push("--json");
        }
        let (output, kept) = Output::kept(json, colour);
        let ended = super::run_to(Arguments::parse_from(words), output).await;
        let text = kept.lock().expect("no other").clone();
        (text, ended)
    }

    /// Serves until the test ends; its address.
    async fn start(&self, tasks: &Tasks) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let role = self.clone();
        tasks.spawn("fake role", async move {
            Ok(tonic::transport::Server::builder().serve_with_incoming(role, incoming).await?)
        });
        url
    }

    /// The requests to `method` so far.
    pub(super) fn asked<Q: Message + Default>(&self, method: &str) -> Vec<Q> {
        let asked = self.asked.lock().expect("no test panics while it answers");
        let of_method = asked.iter().filter(|(asked, _)| asked == method);
        of_method.map(|(_, bytes)| Q::decode(bytes.as_slice()).expect("as it was sent")).collect()
    }
}

impl<B> Service<http::Request<B>> for FakeRole
where
    B: tonic::codegen::Body + Send + 'static,
    B::Error: Into<tonic::codegen::StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        // "/leadflow.qualification.v1.LeadService/GetLead"
        let method = request.uri().path().rsplit('.').next().unwrap_or_default().to_owned();
        let role = self.clone();
        Box::pin(async move {
            // On the wire a stream of one message is the same as one message.
            Ok(tonic::server::Grpc::new(Bytes).unary(OneCall { role, method }, request).await)
        })
    }
}

struct OneCall {
    role: FakeRole,
    method: String,
}

impl tonic::server::UnaryService<Vec<u8>> for OneCall {
    type Response = Vec<u8>;
    type Future = std::future::Ready<Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        let request = request.into_inner();
        let answer = match self.role.answers.get(self.method.as_str()) {
            Some(answer) => answer(&request),
            None => Err(Status::unimplemented(format!("the test has no answer for {}", self.method))),
        };
        self.role.asked.lock().expect("no test panics while it answers").push((self.method.clone(), request));
        std::future::ready(answer.map(Response::new))
    }
}

/// Messages as their bytes.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Bytes;
    type Decoder = Bytes;

    fn encoder(&mut self) -> Bytes {
        Bytes
    }

    fn decoder(&mut self) -> Bytes {
        Bytes
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length).to_vec()))
    }
}
