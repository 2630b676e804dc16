"""Define the commands of the service: serve, keys and replay."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback._choices import nearest
from dropback.cli._options import GamesFile
from dropback.errors import RequestError

if TYPE_CHECKING:
    from dropback.live import Engine
    from dropback.live.feeds._plays import PointForecast

app = typer.Typer(help="The service.", no_args_is_help=True)

# Modules of the extra that no other dependency brings.
_EXTRA = (
    "httptools",
    "msgspec",
    "prometheus_client",
    "starlette",
    "threadpoolctl",
    "uvicorn",
    "websockets",
)

ScoreFiles = Annotated[
    list[Path] | None, typer.Option(help="Play scores; the option may be repeated.")
]


@app.command("serve")
def serve_command(
    run: Annotated[
        Path | None,
        typer.Argument(help="Run with play networks, or a folder that `dropback export` wrote."),
    ] = None,
    scores: ScoreFiles = None,
    plays: Annotated[
        Path | None,
        typer.Option(help="Folder from `dropback ingest`, whose plays to show."),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(help="File of `dropback decisions`: choice and throw apart."),
    ] = None,
    seasons: Annotated[
        Path | None,
        typer.Option(help="Folder of `dropback seasons`: passing and QB scores, projection."),
    ] = None,
    projection: Annotated[
        Path | None,
        typer.Option(help="File of `dropback project`, in place of the folder's projection."),
    ] = None,
    games: GamesFile = None,
    expected_points: Annotated[
        Path | None,
        typer.Option(help="Expected-points model: forecasts in points beside those in yards."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="File of `dropback keys add`; without, no key is needed."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to bind; beyond loopback needs --keys.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to bind.")] = 8080,
    engine: Annotated[
        str | None,
        typer.Option(help="onnx or torch; by default onnx if the run is exported, else torch."),
    ] = None,
    core: Annotated[
        int | None,
        typer.Option(min=0, help="Keep the service on this processor core (Linux)."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let anyone read and watch without a key.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name that the service answers to behind a proxy; * for any."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Other site whose pages may use the service.")
    ] = None,
    root_path: Annotated[
        str, typer.Option(help="Prefix at which a proxy serves this, such as /ngs.")
    ] = "",
    forwarded_allow_ips: Annotated[
        str,
        typer.Option(help="Proxies whose X-Forwarded-For and -Proto are believed: 10.0.0.1,..."),
    ] = "",
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; more than one needs --redis.")
    ] = 1,
    redis: Annotated[
        str | None,
        typer.Option(
            envvar="DROPBACK_REDIS",
            help="Redis or Valkey that processes share live plays by: redis://127.0.0.1:6379/0.",
        ),
    ] = None,
    drain: Annotated[
        float, typer.Option(help="Seconds that /readyz says stopping before listening ends.")
    ] = 0.0,
    telemetry: Annotated[
        bool, typer.Option("--telemetry", help="Send traces and metrics by OpenTelemetry.")
    ] = False,
) -> None:
    """Serve scores, rankings and live plays over HTTP and WebSocket, and a page to watch them.

    Example: `dropback serve runs/tracking --scores scores.parquet --plays plays/`
    """
    _require_extra()
    from dropback.cli._console import errors
    from dropback.service._server import ServeSettings, bind, stay_on_core
    from dropback.service._workers import serve

    if core is not None:
        if workers > 1:
            raise RequestError(f"--core keeps one process on a core, got --workers {workers}.")
        stay_on_core(core)  # before the service's threads, which stay where they are started
    settings = ServeSettings(
        run=run,
        engine=_engine(engine, run),
        scores=tuple(scores or ()),
        plays=plays,
        decisions=decisions,
        seasons=seasons,
        projection=projection,
        games=games,
        expected_points=expected_points,
        keys=keys,
        public=public,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        host=host,
        port=port,
        root_path=root_path,
        forwarded_allow_ips=forwarded_allow_ips,
        redis=redis,
        workers=workers,
        drain_s=drain,
        telemetry=telemetry,
    )
    settings.check()
    with bind(host, port) as listener:  # first: loading takes seconds
        name = f"[{host}]" if ":" in host else host
        errors.print(f"http://{name}:{listener.getsockname()[1]}: Ctrl-C stops it.")
        serve(settings, listener)


def _require_extra() -> None:
    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise RequestError(
            f"The service needs {', '.join(missing)}: install it with "
            "pip install 'dropback[service]'."
        )


def _engine(name: str | None, run: Path | None) -> Engine | None:
    from dropback.live._export import is_export

    if name not in {None, "torch", "onnx"}:
        near = nearest(name, ("torch", "onnx"))
        raise RequestError(f"--engine must be torch or onnx, got {name!r}.{near}")
    if name is None and find_spec("onnxruntime") is None and not (run and is_export(run)):
        return "torch"  # the run's exported graphs need ONNX Runtime
    return name  # type: ignore[return-value]  # checked above


keys_app = typer.Typer(help="API keys of the service.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Name of its user.")],
    file: Annotated[Path, typer.Option(help="File of keys; it is created if there is none.")],
    rate: Annotated[float, typer.Option(help="Requests and live messages a second.")] = 1000.0,
    live_plays: Annotated[int, typer.Option(min=0, help="Live plays at once.")] = 64,
    role: Annotated[
        list[str] | None,
        typer.Option(help="read, score or feed; repeated for several. Default: read and score."),
    ] = None,
) -> None:
    """Create an API key and print it once; the file holds only its hash.

    Example: `dropback keys add broadcast --file keys.json --role read --role feed --role score`
    """
    _require_extra()
    from dropback.cli._console import errors, out
    from dropback.service._keys import add_key

    key = add_key(
        file,
        name,
        requests_per_s=rate,
        live_plays=live_plays,
        roles=role or ("read", "score"),
    )
    out.print(key, soft_wrap=True, markup=False)
    errors.print(f"{file}: added the key of {name!r}, shown only this once.")


@keys_app.command("list")
def keys_list(
    file: Annotated[Path, typer.Option(help="File of keys.")],
) -> None:
    """List the keys of a file: name, roles, rate, live plays.

    Example: `dropback keys list --file keys.json`
    """
    _require_extra()
    from dropback.cli._console import out
    from dropback.service._keys import read_keys

    for key in read_keys(file):
        out.print(
            f"{key.name}  {','.join(key.roles)}  {key.requests_per_s:g}/s  "
            f"{key.live_plays} live plays",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="Name of its user.")],
    file: Annotated[Path, typer.Option(help="File of keys.")],
) -> None:
    """Take a key back; a service that runs refuses it within a second.

    Example: `dropback keys revoke broadcast --file keys.json`
    """
    _require_extra()
    from dropback.cli._console import errors
    from dropback.service._keys import revoke_key

    revoke_key(file, name)
    errors.print(f"{file}: revoked the key of {name!r}.")


@app.command("replay")
def replay_command(
    path: Annotated[Path, typer.Argument(help="Folder that `dropback ingest` wrote.")],
    game: Annotated[int, typer.Option(help="The game's key, such as 2018100707.")],
    play: Annotated[int, typer.Option(help="The play's key in its game.")],
    speed: Annotated[float, typer.Option(help="Times the real pace.")] = 1.0,
    url: Annotated[str, typer.Option(help="Live socket of the service.")] = (
        "ws://127.0.0.1:8080/v1/live"
    ),
    key: Annotated[
        str | None, typer.Option(envvar="DROPBACK_KEY", help="API key, if the service needs one.")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Show the play to watchers, as a real feed.")
    ] = False,
) -> None:
    """Send a stored play to the service as a live feed and print its forecasts.

    Example: `dropback replay plays/ --game 2018100707 --play 1113 --speed 10`
    """
    _require_extra()
    import asyncio

    from dropback.cli._console import errors, out
    from dropback.cli._replay import feed_of, replay
    from dropback.live.feeds._messages import ReleasedMessage, ScoredMessage
    from dropback.tracking.ingest._looking import find_play

    block, number, note = find_play(path, game, play)
    if note:
        errors.print(f"note: {note}")

    async def run() -> None:
        feed = feed_of(block, number)
        async for answer in replay(feed, url, speed=speed, key=key, publish=publish):
            if isinstance(answer, ScoredMessage):
                out.print(f"score {answer.score:.3f}")
                continue
            if isinstance(answer, ReleasedMessage):
                out.print(_line("release", answer.forecast))
                continue
            for warning in answer.warnings:
                errors.print(f"warning: {warning.detail}")
            for forecast in answer.forecasts:
                out.print(_line(f"{forecast.frame / 10:5.1f} s", forecast))

    asyncio.run(run())


def _line(when: str, forecast: PointForecast) -> str:
    low, high = forecast.quantiles["q05"], forecast.quantiles["q95"]
    return (
        f"{when:>8}  mean {forecast.mean:5.1f}  median {forecast.median:3.0f}  "
        f"90 % {low:4.0f} to {high:3.0f}  touchdown {forecast.touchdown:.3f}"
    )
