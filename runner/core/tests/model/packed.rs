//! Worlds as bytes: each in one way only, and small, since millions of them wait to be explored.
//!
//! What may still go wrong is no part of it: the search keeps worlds apart by that (see [`crate::search`]).

use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::Aim;

use crate::world::{
    Answer, Body, Budget, Flight, Key, Lane, Leaving, Ledger, Life, Maker, Mark, Object, Phase, RowNo, Seen,
    Shape, Tick, World, Write,
};

/// The name of a world: 128 bits of BLAKE3 over its bytes.
///
/// Two of `n` worlds share a name with a probability below `n²/2^129`: of a hundred million, 1 in 10^22.
pub(crate) type Name = [u64; 2];

impl World {
    /// Appends its bytes.
    pub(crate) fn pack(&self, bytes: &mut Vec<u8>) {
        let Self { objects, flights, keys, lanes, left: _, broken: _, skew, steady, rebuilt, leaving } = self;
        objects.put(bytes);
        flights.put(bytes);
        keys.put(bytes);
        lanes.put(bytes);
        skew.put(bytes);
        steady.put(bytes);
        rebuilt.put(bytes);
        leaving.put(bytes);
    }

    /// From [`World::pack`]'s bytes, and what may still go wrong.
    pub(crate) fn unpack(mut bytes: &[u8], left: Budget) -> Self {
        let from = &mut bytes;
        Self {
            objects: Packed::take(from),
            flights: Packed::take(from),
            keys: Packed::take(from),
            lanes: Packed::take(from),
            left,
            broken: None,
            skew: Packed::take(from),
            steady: Packed::take(from),
            rebuilt: Packed::take(from),
            leaving: Packed::take(from),
        }
    }
}

/// The name of packed bytes.
pub(crate) fn name(bytes: &[u8]) -> Name {
    let hash = blake3::hash(bytes);
    let word =
        |at: usize| u64::from_le_bytes(hash.as_bytes()[at..at + 8].try_into().expect("a hash has 32 bytes"));
    [word(0), word(8)]
}

trait Packed: Sized {
    fn put(&self, bytes: &mut Vec<u8>);
    fn take(from: &mut &[u8]) -> Self;
}

impl Packed for u8 {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.push(*self);
    }

    fn take(from: &mut &[u8]) -> Self {
        let (first, rest) = from.split_first().expect("a world's bytes are whole");
        *from = rest;
        *first
    }
}

impl Packed for bool {
    fn put(&self, bytes: &mut Vec<u8>) {
        u8::from(*self).put(bytes);
    }

    fn take(from: &mut &[u8]) -> Self {
        u8::take(from) != 0
    }
}

/// Near times take one byte, and days of watching four more.
impl Packed for Tick {
    fn put(&self, bytes: &mut Vec<u8>) {
        match i8::try_from(*self) {
            Ok(near) if near != i8::MIN => bytes.push(near as u8),
            _ => {
                bytes.push(i8::MIN as u8);
                bytes.extend(self.to_le_bytes());
            }
        }
    }

    fn take(from: &mut &[u8]) -> Self {
        match u8::take(from) as i8 {
            i8::MIN => Self::from_le_bytes([(); 4].map(|()| u8::take(from))),
            near => Self::from(near),
        }
    }
}

impl<T: Packed> Packed for Option<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.is_some().put(bytes);
        if let Some(some) = self {
            some.put(bytes);
        }
    }

    fn take(from: &mut &[u8]) -> Self {
        bool::take(from).then(|| T::take(from))
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        u8::try_from(self.len()).expect("worlds are small").put(bytes);
        for one in self {
            one.put(bytes);
        }
    }

    fn take(from: &mut &[u8]) -> Self {
        (0..u8::take(from)).map(|_| T::take(from)).collect()
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.0.put(bytes);
        self.1.put(bytes);
    }

    fn take(from: &mut &[u8]) -> Self {
        (A::take(from), B::take(from))
    }
}

impl<A: Packed, B: Packed, C: Packed> Packed for (A, B, C) {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.0.put(bytes);
        self.1.put(bytes);
        self.2.put(bytes);
    }

    fn take(from: &mut &[u8]) -> Self {
        (A::take(from), B::take(from), C::take(from))
    }
}

/// Fields in their order; a field that is left out does not compile.
macro_rules! fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl Packed for $name {
            fn put(&self, bytes: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($field.put(bytes);)+
            }

            fn take(from: &mut &[u8]) -> Self {
                $(let $field = Packed::take(from);)+
                Self { $($field),+ }
            }
        }
    };
}

/// Variants by a tag, then their fields; one that is left out does not compile.
macro_rules! variants {
    ($name:ident { $($tag:literal => $variant:ident $(($($place:ident),+))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl Packed for $name {
            fn put(&self, bytes: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($place),+))? $({ $($field),+ })? => {
                        bytes.push($tag);
                        $($($place.put(bytes);)+)?
                        $($($field.put(bytes);)+)?
                    })+
                }
            }

            fn take(from: &mut &[u8]) -> Self {
                match u8::take(from) {
                    $($tag => {
                        $($(let $place = Packed::take(from);)+)?
                        $($(let $field = Packed::take(from);)+)?
                        Self::$variant $(($($place),+))? $({ $($field),+ })?
                    })+
                    tag => unreachable!("no variant has the tag {tag}"),
                }
            }
        }
    };
}

fields!(RowNo { lane, serial });
fields!(Shape { maker, mark, body, life });
fields!(Object { id, now, past, made });
fields!(Flight { row, write, by, answer, waited });
fields!(Key { row, until, made });
fields!(Seen { began, aim, things });
fields!(Lane { want, row, phase, due, reported });
fields!(Ledger {
    no,
    state,
    origin,
    spec,
    thing,
    observed,
    mark,
    before,
    intended_at,
    made_by,
    removed_by,
    absent_at,
    poll_at,
    look_at,
    inherited,
    repeated,
    repairs,
});
variants!(Maker { 0 => Us(lane), 1 => Foreign });
variants!(Mark { 0 => Missing, 1 => Row(row), 2 => Foreign });
variants!(Body { 0 => First, 1 => Changed, 2 => Replacing, 3 => Foreign });
variants!(Life { 0 => Pending, 1 => Ready, 2 => Removing });
variants!(Leaving { 0 => Held, 1 => In(ticks) });
variants!(Write { 0 => Create { body }, 1 => Update { id, seen, body }, 2 => Remove { id, seen } });
variants!(Answer { 0 => Made(id, shape), 1 => Removed, 2 => Removing, 3 => Refused });
variants!(Phase {
    0 => Idle,
    1 => Looked(seen),
    2 => Intended { write, sends_by, by, earlier },
    3 => Sent { earlier },
});
variants!(Aim { 0 => Thing, 1 => Anything });
variants!(Origin { 0 => Created, 1 => Presumed, 2 => Adopted, 3 => Imported });
variants!(State {
    0 => Creating, 1 => InDoubt, 2 => Pending, 3 => Present, 4 => Updating, 5 => Deleting, 6 => Retained, 7 => Gone,
});
