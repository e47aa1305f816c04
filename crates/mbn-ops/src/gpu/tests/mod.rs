//! Every operation against that of the CPU, through an emulation of a GPU that runs the kernels' sources.
