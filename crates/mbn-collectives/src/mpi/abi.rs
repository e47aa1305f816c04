//! The binary interfaces of MPI libraries: what their handles are.

use std::ffi::{c_int, c_void};

/// What MPI calls communicators, types and operations by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handles<H> {
    /// `MPI_COMM_WORLD`
    pub world: H,
    /// `MPI_FLOAT`
    pub float: H,
    /// `MPI_DOUBLE`
    pub double: H,
    /// `MPI_BYTE`
    pub byte: H,
    /// `MPI_SUM`
    pub sum: H,
    /// `MPI_IN_PLACE`
    pub in_place: *const c_void,
    /// `MPI_THREAD_FUNNELED`: the process has other threads, which do not call MPI.
    pub funneled: c_int,
}

/// Handles of Open MPI are addresses of the library's variables; these are their names, in the order of the fields.
pub(super) const OPEN_MPI: [&str; 5] = [
    "ompi_mpi_comm_world",
    "ompi_mpi_float",
    "ompi_mpi_double",
    "ompi_mpi_byte",
    "ompi_mpi_op_sum",
];

/// What libraries with the handles of MPICH call themselves: its relatives keep to its interface.
pub(super) const MPICH_RELATIVES: [&str; 5] = ["MPICH", "Intel", "MVAPICH", "CRAY", "ParaStation"];

/// Handles of Open MPI at these addresses, in the order of [`OPEN_MPI`].
pub(super) fn open_mpi(addresses: [*mut c_void; 5]) -> Handles<*mut c_void> {
    let [world, float, double, byte, sum] = addresses;
    Handles {
        world,
        float,
        double,
        byte,
        sum,
        in_place: std::ptr::without_provenance(1),
        funneled: 1,
    }
}

/// Handles of MPICH: numbers, which its relatives share.
pub(super) fn mpich() -> Handles<c_int> {
    Handles {
        world: 0x4400_0000,
        float: 0x4c00_040a,
        double: 0x4c00_080b,
        byte: 0x4c00_010d,
        sum: 0x5800_0003,
        in_place: std::ptr::without_provenance(usize::MAX),
        funneled: 1,
    }
}

/// Handles of the standard ABI (MPI 5.0, chapter 20): numbers in the place of addresses.
pub(super) fn standard() -> Handles<*mut c_void> {
    let handle = std::ptr::without_provenance_mut;
    Handles {
        world: handle(0x101),
        float: handle(0x210),
        double: handle(0x214),
        byte: handle(0x247),
        sum: handle(0x21),
        in_place: std::ptr::without_provenance(1),
        funneled: 1024,
    }
}
