//! What waits to be written on one connection: encoded heads gathered in one buffer, bodies as
//! the slices they are.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use protocol::frame::{encode_command, encode_reply_head};
use protocol::{Body, Command, Encoding, Pieces, Reply};
use smallvec::SmallVec;

/// Slices handed to one vectored write; the kernel takes up to 1024. A reply to a pull has one for
/// each message, and every write costs a walk through the network stack.
const SLICES_MAX: usize = 512;
/// Up to so many need no memory of their own.
const SLICES_INLINE: usize = 16;
/// A body piece up to this long is copied behind its head: cheaper than a slice of its own.
const COPIED_BYTES_MAX: usize = 256;
/// Parts of one buffer that are no longer than this on average are copied too: the system copies
/// many short slices slower than we copy them and it copies the result.
const GATHERED_BYTES_MAX: usize = 512;
/// The gathering buffer is given back when it has grown beyond this and is empty.
const KEPT_BYTES_MAX: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct Outbox {
    /// Whole pieces, in order, before `tail`.
    pieces: VecDeque<Piece>,
    /// Heads and small bodies being gathered.
    tail: BytesMut,
    bytes: usize,
}

enum Piece {
    Whole(Bytes),
    Parts(Pieces),
}

impl Outbox {
    /// Bytes not yet written.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push_reply(&mut self, reply: Reply, opaque: i32, encoding: Encoding) {
        let before = self.tail.len();
        encode_reply_head(&reply, opaque, encoding, &mut self.tail);
        self.bytes += self.tail.len() - before;
        match reply.body {
            Body::Empty => {}
            Body::One(piece) => self.push_piece(piece),
            Body::Many(pieces) => pieces.into_iter().for_each(|piece| self.push_piece(piece)),
            Body::Pieces(pieces) => pieces.into_iter().for_each(|parts| self.push_parts(parts)),
        }
    }

    pub(crate) fn push_command(&mut self, command: &Command) {
        let before = self.tail.len();
        encode_command(command, &mut self.tail);
        self.bytes += self.tail.len() - before;
    }

    fn push_piece(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() <= COPIED_BYTES_MAX {
            self.tail.extend_from_slice(&piece);
            return;
        }
        self.end_tail();
        self.pieces.push_back(Piece::Whole(piece));
    }

    fn push_parts(&mut self, parts: Pieces) {
        self.bytes += parts.len();
        if parts.len() <= parts.count() * GATHERED_BYTES_MAX {
            self.tail.reserve(parts.len());
            parts.iter().for_each(|part| self.tail.extend_from_slice(part));
            return;
        }
        self.end_tail();
        self.pieces.push_back(Piece::Parts(parts));
    }

    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(Piece::Whole(self.tail.split().freeze()));
        }
    }

    /// The front of what waits, for one vectored write.
    pub(crate) fn slices(&self) -> SmallVec<[IoSlice<'_>; SLICES_INLINE]> {
        let mut slices = SmallVec::new();
        for piece in &self.pieces {
            let left = SLICES_MAX.saturating_sub(slices.len());
            match piece {
                _ if left == 0 => return slices,
                Piece::Whole(bytes) => slices.push(IoSlice::new(bytes)),
                Piece::Parts(parts) => slices.extend(parts.iter().take(left).map(IoSlice::new)),
            }
        }
        if slices.len() < SLICES_MAX {
            slices.push(IoSlice::new(&self.tail));
        }
        slices
    }

    /// Takes `written` bytes off the front.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(front) = self.pieces.front_mut() {
            let length = match front {
                Piece::Whole(bytes) => bytes.len(),
                Piece::Parts(parts) => parts.len(),
            };
            if written < length {
                match front {
                    Piece::Whole(bytes) => bytes.advance(written),
                    Piece::Parts(parts) => parts.advance(written),
                }
                return;
            }
            written -= length;
            self.pieces.pop_front();
        }
        self.tail.advance(written);
        if self.tail.is_empty() {
            if self.tail.capacity() > KEPT_BYTES_MAX {
                self.tail = BytesMut::new();
            } else {
                self.tail.clear();
            }
        }
    }

    /// Gives the buffers back while nothing waits.
    pub(crate) fn release(&mut self) {
        if self.bytes == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while outbox.len() > 0 {
            let front: Vec<u8> =
                outbox.slices().iter().flat_map(|s| s.iter().copied()).take(step).collect();
            outbox.advance(front.len());
            all.extend(front);
        }
        all
    }

    #[test]
    fn keeps_order_whatever_the_writes_take() {
        let parts = |n: u8| vec![Bytes::from(vec![n; 1000]), Bytes::from(vec![n + 1; 10])];
        for step in [1, 7, 300, 100_000] {
            let mut outbox = Outbox::default();
            let mut expected = BytesMut::new();
            for opaque in 0..3 {
                let reply = Reply::ok().body(parts(opaque as u8));
                encode_reply_head(&reply, opaque, Encoding::Json, &mut expected);
                parts(opaque as u8).iter().for_each(|p| expected.extend_from_slice(p));
                outbox.push_reply(reply, opaque, Encoding::Json);
                let mut pieces = Pieces::of(Bytes::from(vec![b'p'; 5000]));
                assert!(pieces.add(7, 11) && pieces.add(20, 1020));
                let reply = Reply::ok().body(vec![pieces.clone()]);
                encode_reply_head(&reply, opaque, Encoding::Json, &mut expected);
                pieces.iter().for_each(|part| expected.extend_from_slice(part));
                outbox.push_reply(reply, opaque, Encoding::Json);
            }
            let command = Command::request(40);
            encode_command(&command, &mut expected);
            outbox.push_command(&command);
            assert_eq!(outbox.len(), expected.len());
            assert_eq!(drain(&mut outbox, step), expected, "step {step}");
        }
    }
}
