//! A load of HTTP requests over connections that stay open, on one thread.

use std::time::{Duration, Instant};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// Largest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Whom the next request asks about.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// Each as often as any other.
    Uniform(Vec<Address>),
    /// The n-th with weight 1/n; the sums of the weights beside them.
    Zipf(Vec<Address>, Vec<f64>),
}

impl Choice {
    /// By Zipf's law.
    pub(crate) fn zipf(wallets: Vec<Address>) -> Self {
        let mut sum = 0.0;
        let mut rank = 0.0;
        let sums = wallets
            .iter()
            .map(|_| {
                rank += 1.0;
                sum += 1.0 / rank;
                sum
            })
            .collect();
        Self::Zipf(wallets, sums)
    }

    fn pick(&self, random: &mut Random) -> Address {
        match self {
            Self::Uniform(wallets) => wallets[random.below(wallets.len())],
            Self::Zipf(wallets, sums) => {
                let wanted = random.unit() * sums.last().copied().unwrap_or_default();
                let index = sums.partition_point(|sum| *sum < wanted);
                wallets[index.min(wallets.len() - 1)]
            }
        }
    }
}

/// Numbers that look random and are the same every time (xorshift).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A seed of its own for each user.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 32) as f64 / f64::from(u32::MAX)
    }
}

/// Open connections to two servers: the same wallets are asked for at both.
#[derive(Debug)]
pub(crate) struct Load {
    runtime: tokio::runtime::Runtime,
    choice: Choice,
}

impl Load {
    /// A load that chooses so.
    pub(crate) fn new(choice: Choice) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self { runtime, choice })
    }

    /// Asks for so long, and says the seconds that one answer cost.
    pub(crate) fn run(&self, port: u16, length: Duration) -> Result<f64> {
        self.runtime.block_on(async {
            let mut connections = Vec::with_capacity(CONNECTIONS);
            for _ in 0..CONNECTIONS {
                let stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                connections.push(stream);
            }
            let start = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            for (seed, stream) in (1..).zip(connections) {
                let choice = self.choice.clone();
                let random = Random::new(seed);
                tasks.spawn(ask_until(stream, choice, random, start + length));
            }
            let mut answers = 0_u32;
            while let Some(done) = tasks.join_next().await {
                answers += done??;
            }
            ensure!(answers > 0, "no answer in {length:?}");
            Ok(start.elapsed().as_secs_f64() / f64::from(answers))
        })
    }

    /// One answer's body.
    pub(crate) fn ask_once(&self, port: u16) -> Result<Vec<u8>> {
        self.runtime.block_on(async {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            let mut random = Random::new(1);
            let mut buffer = Vec::new();
            let body = ask(&mut stream, self.choice.pick(&mut random), &mut buffer).await?;
            Ok(buffer[body..].to_vec())
        })
    }
}

async fn ask_until(mut stream: TcpStream, choice: Choice, mut random: Random, end: Instant) -> Result<u32> {
    let mut buffer = Vec::with_capacity(256 * 1024);
    let mut answers = 0;
    while Instant::now() < end {
        ask(&mut stream, choice.pick(&mut random), &mut buffer).await?;
        answers += 1;
    }
    Ok(answers)
}

/// Sends one request and reads one answer into the buffer; says where its body begins.
async fn ask(stream: &mut TcpStream, wallet: Address, buffer: &mut Vec<u8>) -> Result<usize> {
    let request = format!(
        "GET /v1/wallets/{wallet:#x}/wearables?world={} HTTP/1.1\r\nhost: bench\r\n\r\n",
        crate::bed::WORLD
    );
    stream.write_all(request.as_bytes()).await?;
    buffer.clear();
    let (body, length) = loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server hung up");
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break (end + 4, content_length(&buffer[..end])?);
        }
        ensure!(buffer.len() < MAX_HEAD_BYTES, "an answer without end of its head");
    };
    while buffer.len() < body + length {
        ensure!(stream.read_buf(buffer).await? > 0, "the server hung up");
    }
    Ok(body)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("the server answered {}", head.lines().next().unwrap_or_default());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse())
    });
    Ok(length.context("an answer without content-length")??)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
