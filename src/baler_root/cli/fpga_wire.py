"""`baler-root fpga decode`, `fpga send` and `fpga receive`: packets of latents on a wire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import (
    Json,
    Overwrite,
    Quiet,
    count_text,
    print_json,
    progress_bar,
    size_text,
    user_errors,
)

if TYPE_CHECKING:
    from baler_root.fpga.wire.decode import Decoded
    from baler_root.fpga.wire.software_board import Sent


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
    typer.Option(metavar="NAME", help="Which of the models, by its tree, if the file has several."),
]


Window = Annotated[
    int, typer.Option(help="Events that a packet may come too late and still be put in its place.")
]


Share = Annotated[float, typer.Option(min=0, max=1)]


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
    """Turn a recorded stream of packets into an ordinary .baler file.

    baler-root fpga decode stream.bin --model jets.balermodel -o jets.baler
    baler-root decompress jets.baler jets.root

    Values are what the latents alone say: no bound holds against the events
    before the encoder. Events that are missing are left out; wire_entry and
    wire_flags say which are there, the tree wire_incidents what happened.
    """
    from baler_root.fpga.wire.decode import decode as run

    with user_errors():
        with progress_bar(Path(stream).name, quiet) as progress:
            report = run(
                stream, output, model, tree=tree, window=window, overwrite=overwrite, progress=progress
            )
        _tell(report, as_json, quiet)


def receive(
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", show_default=False, help="Where datagrams come in.")
    ],
    model: Model,
    output: Output,
    tree: Tree = None,
    idle: Annotated[
        float, typer.Option(help="Seconds of silence after which the run counts as over.")
    ] = 10.0,
    window: Window = 4096,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write packets that come in as datagrams to a .baler file, until the run ends or nothing more comes.

    baler-root fpga receive 127.0.0.1:5005 --model jets.balermodel -o live.baler

    The file is as `fpga decode` writes it.
    """
    from baler_root.fpga.wire.receiver import receive as run

    def listening(where: str) -> None:
        if not quiet:
            typer.echo(f"listening at {where}", err=True)

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
        _tell(report, as_json, quiet)


def send(
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A ROOT file.")],
    model: Model,
    to: Annotated[
        str, typer.Option(metavar="TARGET", help="HOST:PORT, or a file to record.", show_default=False)
    ],
    tree: Tree = None,
    rate: Annotated[
        float | None, typer.Option(help="Events per second; as fast as it goes without.", show_default=False)
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(min=0, help="So many, from the file's beginning again if needed.", show_default=False),
    ] = None,
    together: Annotated[int, typer.Option(help="Events in a packet.")] = 8,
    pass_through: Annotated[
        bool, typer.Option(help="Send events raw of which latents tell too little.")
    ] = True,
    loss: Share = 0.0,
    duplication: Share = 0.0,
    reorder: Share = 0.0,
    flip: Share = 0.0,
    seed: Annotated[int, typer.Option(help="Of the faults.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Send the rows of a ROOT file as a board would: encoded by the model's integers, in packets.

    baler-root fpga send jets.root --model jets.balermodel --to 127.0.0.1:5005 --rate 50000
    baler-root fpga send jets.root --model jets.balermodel --to stream.bin --loss 0.01 --flip 0.001

    --loss, --duplication, --reorder and --flip are the shares of packets that
    a bad wire does this to; the end of the run is spared.
    """
    from baler_root.fpga.wire.fault_injection import Faults
    from baler_root.fpga.wire.software_board import send as run

    with user_errors():
        report = run(
            source,
            model,
            to,
            tree=tree,
            rate=rate,
            events=events,
            together=together,
            pass_through=pass_through,
            faults=Faults(loss, duplication, reorder, flip),
            seed=seed,
            overwrite=overwrite,
        )
        if as_json:
            print_json(report)
        elif not quiet:
            _tell_sent(report)


def _tell(report: Decoded, as_json: bool, quiet: bool) -> None:
    account = report.account
    if as_json:
        print_json(report)
    elif not quiet:
        events = count_text(account.events, "event")
        typer.echo(
            f"{report.stream} → {report.target}: {events}, {size_text(report.size)} "
            f"({size_text(account.size)} of packets), {report.rate:,.0f} events/s"
        )
        typer.echo(f"  sent raw: {account.raw}, saturated: {account.saturated}")
        typer.echo(f"  on the wire: {account.problems or 'nothing lost, nothing damaged'}")
        typer.echo("  values are what the latents say: no bound holds against the events before the encoder")


def _tell_sent(report: Sent) -> None:
    events = count_text(report.events, "event")
    typer.echo(
        f"{report.source} → {report.target}: {events}, {size_text(report.size)} of packets, "
        f"{report.rate:,.0f} events/s"
    )
    typer.echo(
        f"  {report.bits_in} bits of codes in, {report.bits_out:.1f} out: "
        f"{report.bits_in / max(report.bits_out, 1e-9):.2f} times fewer"
    )
    typer.echo(
        f"  sent raw: {report.raw} ({report.raw / max(1, report.events):.3%}), saturated: {report.saturated}"
    )
    hit = ", ".join(f"{count} {fault}" for fault, count in report.faults.items() if count)
    if hit:
        typer.echo(f"  packets with faults: {hit}")
