//! One frame of a segment file, in bytes (little-endian; the table is in the README).

/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 36;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record.
    Record,
    /// A record that was erased: its sequence, without its payload.
    Erased,
    /// No record: says the writer's epoch and how far everything is durable.
    Mark,
}

impl Kind {
    fn magic(self) -> [u8; 4] {
        *match self {
            Self::Record => b"vjr1",
            Self::Erased => b"vje1",
            Self::Mark => b"vjm1",
        }
    }

    fn of(magic: [u8; 4]) -> Option<Self> {
        [Self::Record, Self::Erased, Self::Mark]
            .into_iter()
            .find(|kind| kind.magic() == magic)
    }
}

/// A frame, borrowed from the file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// The record's own; for a mark that of the next record.
    pub(super) sequence: u64,
    /// Of the writer that wrote it.
    pub(super) epoch: u64,
    /// Every record up to this one was durable when the frame was written.
    pub(super) durable: u64,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Length in the file.
    pub(super) fn bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).expect("payloads are limited to far less");
        let mut head = [0; HEADER_BYTES];
        head[..4].copy_from_slice(&self.kind.magic());
        head[4..8].copy_from_slice(&length.to_le_bytes());
        head[12..20].copy_from_slice(&self.sequence.to_le_bytes());
        head[20..28].copy_from_slice(&self.epoch.to_le_bytes());
        head[28..36].copy_from_slice(&self.durable.to_le_bytes());
        let crc = checksum(&head, self.payload);
        head[8..12].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(self.payload);
    }

    /// Reads the frame at the start of `bytes`; `None` when there is no whole, sound one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let head: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let kind = Kind::of(*head.first_chunk()?)?;
        let length = usize::try_from(u32::from_le_bytes(field(head, 4))).ok()?;
        let payload = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(length)?)?;
        if checksum(head, payload) != u32::from_le_bytes(field(head, 8)) {
            return None;
        }
        Some(Self {
            kind,
            sequence: u64::from_le_bytes(field(head, 12)),
            epoch: u64::from_le_bytes(field(head, 20)),
            durable: u64::from_le_bytes(field(head, 28)),
            payload,
        })
    }
}

fn field<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[at..at + N]);
    field
}

/// CRC32C over everything in the frame but the checksum itself.
fn checksum(head: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&head[..8]);
    let crc = crc32c::crc32c_append(crc, &head[12..]);
    crc32c::crc32c_append(crc, payload)
}
