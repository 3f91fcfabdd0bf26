"""What a training runs on, and how torch is made to give the same bytes there."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Machine:
    """What runs the training; the same recipe, data and machine give the same bytes.

    Attributes:
        device: CPU or CUDA.
        threads: Of torch on the CPU; sums are taken in another order with another number of them.
        bfloat16: Whether convolutions run in bfloat16, nearly twice as fast where the CPU has it; weights stay float32.
    """

    device: torch.device
    threads: int
    bfloat16: bool


def make_deterministic(machine: Machine) -> None:
    """Have torch give the same bytes in every run on the same kind of machine, or fail where it cannot.

    cuBLAS also wants CUBLAS_WORKSPACE_CONFIG set before it starts; the command line does that.
    """
    torch.use_deterministic_algorithms(True)
    # nothing reads memory before it is written here, and to fill it all the same takes a seventh of the time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # its 11 bits round whole numbers that are exact in float32
    torch.set_num_threads(machine.threads)
