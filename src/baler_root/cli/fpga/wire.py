"""`baler-root fpga decode`, `fpga send` and `fpga receive`: packets of latents on a wire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, count_text, echo, print_json, size_text, user_errors
from baler_root.cli.progress import progress_bar

if TYPE_CHECKING:
    from baler_root.fpga.wire.decode import DecodeReport
    from baler_root.fpga.wire.software_board import SendReport


Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="FILE", help="The .balermodel file with the encoder.", show_default=False
    ),
]


Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="The .baler file to write.", show_default=False),
]


Tree = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Tree of the model, if the file has models of several trees."),
]


Window = Annotated[
    int, typer.Option(help="Number of events by which a packet may be late and still be sorted in.")
]


def decode(
    stream: Annotated[str, typer.Argument(metavar="STREAM", show_default=False, help="Recorded packets.")],
    model: Model,
    output: Output,
    tree: Tree = None,
    window: Window = 4096,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Decode a recorded stream of packets to a .baler file.

    baler-root fpga decode stream.bin --model jets.balermodel -o jets.baler
    baler-root decompress jets.baler jets.root

    Values are decoded from the latents alone: their errors relative to the
    events before the encoder have no bound. The branches wire_entry and
    wire_flags identify the events that arrived; the tree wire_incidents lists
    lost events and all other incidents.
    """
    from baler_root.fpga.wire.decode import decode as run

    with user_errors():
        with progress_bar(Path(stream).name, quiet) as progress:
            report = run(
                stream, output, model, tree=tree, window=window, overwrite=overwrite, progress=progress
            )
        _print_decoded(report, as_json, quiet)


def receive(  # noqa: PLR0913, PLR0917 - one parameter for each option
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", show_default=False, help="Address to listen at.")
    ],
    model: Model,
    output: Output,
    tree: Tree = None,
    idle: Annotated[float, typer.Option(help="Seconds without packets after which the run ends.")] = 10.0,
    window: Window = 4096,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Receive packets as datagrams, until the run ends or none arrive, and decode them to a .baler file.

    baler-root fpga receive 127.0.0.1:5005 --model jets.balermodel -o live.baler

    The file is like one that `fpga decode` writes.
    """
    from baler_root.fpga.wire.receiver import receive as run

    def listening(local: str) -> None:
        if not quiet:
            echo(f"listening at {local}", err=True)

    with user_errors():
        report = run(
            address,
            output,
            model,
            tree=tree,
            idle=idle,
            window=window,
            overwrite=overwrite,
            listening=listening,
        )
        _print_decoded(report, as_json, quiet)


def send(  # noqa: PLR0913, PLR0917 - one parameter for each option
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A ROOT file.")],
    model: Model,
    to: Annotated[
        str,
        typer.Option(
            metavar="TARGET", help="HOST:PORT, or a file that records the packets.", show_default=False
        ),
    ],
    tree: Tree = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Events per second; without it, as fast as possible.", show_default=False),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(
            min=0, help="Number of events; the file is repeated if it has fewer.", show_default=False
        ),
    ] = None,
    together: Annotated[int, typer.Option(help="Events per packet.")] = 8,
    pass_through: Annotated[
        bool, typer.Option(help="Send events raw if latents represent them poorly.")
    ] = True,
    loss: Annotated[float, typer.Option(min=0, max=1, help="Share of packets that are lost.")] = 0.0,
    duplication: Annotated[
        float, typer.Option(min=0, max=1, help="Share of packets that are sent twice.")
    ] = 0.0,
    reorder: Annotated[
        float, typer.Option(min=0, max=1, help="Share of packets that are overtaken by others.")
    ] = 0.0,
    flip: Annotated[float, typer.Option(min=0, max=1, help="Share of packets with a flipped bit.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Random seed of the faults.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Send the rows of a ROOT file as a board does: as packets of latents.

    baler-root fpga send jets.root --model jets.balermodel \\
        --to 127.0.0.1:5005 --rate 50000
    baler-root fpga send jets.root --model jets.balermodel \\
        --to stream.bin --loss 0.01 --flip 0.001

    --loss, --duplication, --reorder and --flip simulate a bad wire; the
    packet that ends the run is never affected.
    """
    from baler_root.fpga.wire.fault_injection import Faults
    from baler_root.fpga.wire.software_board import SendOptions
    from baler_root.fpga.wire.software_board import send as run

    with user_errors():
        faults = Faults(loss, duplication, reorder, flip)
        options = SendOptions(rate, events, together, pass_through, faults, seed)
        report = run(source, model, to, options, tree=tree, overwrite=overwrite)
        if as_json:
            print_json(report)
        elif not quiet:
            _print_sent(report)


def _print_decoded(report: DecodeReport, as_json: bool, quiet: bool) -> None:
    statistics = report.statistics
    if as_json:
        print_json(report)
    elif not quiet:
        events = count_text(statistics.events, "event")
        echo(
            f"{report.stream} → {report.target}: {events}, {size_text(report.size)} "
            f"({size_text(statistics.size)} of packets), {report.rate:,.0f} events/s"
        )
        echo(f"  sent raw: {statistics.raw}, saturated: {statistics.saturated}")
        echo(f"  on the wire: {statistics.problems or 'no losses, no damage'}")
        echo(
            "  values are decoded from latents alone: their errors relative to the events before the encoder have no bound"
        )


def _print_sent(report: SendReport) -> None:
    events = count_text(report.events, "event")
    echo(
        f"{report.source} → {report.target}: {events}, {size_text(report.size)} of packets, "
        f"{report.rate:,.0f} events/s"
    )
    echo(
        f"  {report.bits_in} bits of codes in, {report.bits_out:.1f} out: "
        f"{report.bits_in / max(report.bits_out, 1e-9):.2f} times fewer"
    )
    echo(
        f"  sent raw: {report.raw} ({report.raw / max(1, report.events):.3%}), saturated: {report.saturated}"
    )
    faults = ", ".join(f"{count} {fault}" for fault, count in report.faults.items() if count)
    if faults:
        echo(f"  packets with faults: {faults}")
