"""The steps of ``fit`` and ``predict`` between checked arrays and the loop."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from trainers import inputs
from trainers.checkpoints import Checkpoint, mark_of
from trainers.errors import TrainerError
from trainers.history import TRAIN, VALIDATION, HistoryRow
from trainers.parameters import Parameters
from trainers.penalty import GapPenalty, contrasts
from trainers.plan import LEAST_BLOCK, Plan, block_size
from trainers.threads import device_for, torch_threads

if TYPE_CHECKING:
    import torch

    from trainers.gradients import Flat, Rows
    from trainers.networks import NetworkSpec

Floats = NDArray[np.float64]
LARGE = 50_000_000
"""Parameters beyond which a network is announced before it is built."""
CENTERED = 256
"""Rows over which the mean of features is taken before training."""


class Part(NamedTuple):
    """Rows for training or validation, still as arrays."""

    values: NDArray[Any]
    target: NDArray[Any]
    weights: Floats | None
    groups: NDArray[np.int64] | None = None
    """Group of each row, where a penalty compares groups."""

    def take(self, chosen: NDArray[Any]) -> Part:
        """Return some of the rows."""
        return Part(*(None if part is None else part[chosen] for part in self))  # type: ignore[arg-type]


def seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw a seed; without a `random_state` from the operating system, not from numpy's global generator.

    Examples
    --------
    >>> seed(0) == seed(0)
    True
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 1))
    return int(check_random_state(random_state).randint(2**31 - 1))


def weighted_only(part: Part, codes: NDArray[np.int64] | None) -> tuple[Part, NDArray[np.int64] | None]:
    """Leave out rows of weight 0: they must not steer anything, not even which rows are held out."""
    if part.weights is None or part.weights.all():
        return part, codes
    kept = part.weights > 0
    return part.take(kept), None if codes is None else codes[kept]


def product(values: Floats | None, two: Floats | None) -> Floats | None:
    """Multiply weights, where there are any.

    Examples
    --------
    >>> product(None, np.array([2.0]))
    array([2.])
    """
    if values is None or two is None:
        return two if values is None else values
    return values * two


@contextmanager
def whole_or_nothing(estimator: Parameters, *, fresh: bool) -> Iterator[None]:
    """Put an estimator back as it was where training raises: unfitted, or with the weights that it had."""
    before = dict(vars(estimator))
    network = None if fresh else estimator.network_
    weights = {} if network is None else {name: held.clone() for name, held in network.state_dict().items()}
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        if network is not None:
            from trainers.gradients import unflatten

            network.load_state_dict(weights)
            unflatten(network.eval())
            estimator.__dict__.pop("_engine", None)  # its moments have seen the rows that failed
        raise


def run(
    estimator: Parameters,
    train: Part,
    test: Part | None,
    *,
    fresh: bool,
    epochs: int,
    streamed: bool = False,
    penalty: GapPenalty | None = None,
) -> None:
    """Build what is new, train, and keep the outcome on the estimator."""
    import torch

    from trainers import gradients, loop

    device = device_for(estimator.device)
    if fresh:
        _learn_scales(estimator, train)
        estimator.network_ = build_network(estimator, estimator.seed_)
        estimator.n_iter_ = 0
        estimator.history_ = ()
    first = estimator.n_iter_ + 1
    network = estimator.network_.to(device)
    plan = plan_for(estimator, len(train.values), epochs, streamed)
    flat, optimizer = _engine(estimator, plan, streamed)
    generator = torch.Generator().manual_seed(estimator.seed_ + first)
    rows = _rows(estimator, train, device, penalty)
    held = None if test is None else _rows(estimator, test, device, penalty)
    if fresh:
        if callable(estimator.network):
            with _seed(estimator, first):  # a module may draw without being asked to train
                _require_answers(network, rows, estimator._objective()[1])
        _center(network, rows)
    before = known_before(estimator, rows, held) if fresh else ()
    keeper = _checkpoint(estimator, train, penalty) if fresh else None
    with torch_threads(estimator.threads), _seed(estimator, first):
        outcome = loop.train(
            network,
            rows,
            held,
            plan,
            generator=generator,
            flat=flat,
            optimizer=optimizer,
            first_epoch=first,
            on_epoch=_tell(estimator),
            checkpoint=keeper,
            seed=estimator.seed_,
        )
    if keeper is not None:
        keeper.remove()
    network.eval()
    estimator.history_ += before + outcome.history
    estimator.n_iter_, estimator.best_epoch_ = outcome.epochs, outcome.best_epoch
    estimator.stopped_, estimator.validation_rows_ = outcome.stopped, 0 if held is None else len(held.inputs)
    if not streamed:
        gradients.unflatten(network)
        del estimator._engine


def _checkpoint(estimator: Parameters, train: Part, penalty: GapPenalty | None) -> Checkpoint | None:
    if estimator.checkpoint is None:
        return None
    rows: tuple[object, ...] = (train.values, train.target, train.weights, estimator.seed_)
    if penalty is not None:
        rows += (train.groups, float(penalty.strength), penalty.constraint, str(penalty.favorable))
    mark = mark_of(estimator.get_params(deep=False), rows)
    return Checkpoint(path=Path(estimator.checkpoint), mark=mark)


@contextmanager
def _seed(estimator: Parameters, first: int) -> Iterator[None]:
    """Give a user's own network, whose dropout draws from torch's global generator, this run's seed for a while."""
    import torch

    if not callable(estimator.network):
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(estimator.seed_ + first)
        yield


def _tell(estimator: Parameters) -> Callable[[tuple[HistoryRow, ...]], object] | None:
    """Print a line after every so many epochs, and call the user's function."""
    if not estimator.verbose:
        return estimator.on_epoch

    def tell(rows: tuple[HistoryRow, ...]) -> object:
        if rows and rows[0].epoch % int(estimator.verbose) == 0:
            values = {(row.split, row.quantity): row.value for row in rows}
            shown = [(TRAIN, "loss"), (VALIDATION, "loss"), (TRAIN, "score"), (VALIDATION, "score"), (TRAIN, "seconds")]
            shown += [place for place in values if place[1].startswith("score:")]
            parts = [f"{split} {name} {values[split, name]:.4g}" for split, name in shown if (split, name) in values]
            print(f"epoch {rows[0].epoch}: {', '.join(parts)}", flush=True)
        return None if estimator.on_epoch is None else estimator.on_epoch(rows)

    return tell


def _center(network: torch.nn.Module, rows: Rows) -> None:
    """Tell the network the mean of its features, over rows from all over the table."""
    from trainers.networks import center_features

    step = max(1, len(rows.inputs) // CENTERED)
    center_features(network, rows.inputs[::step][:CENTERED])


def _engine(estimator: Parameters, plan: Plan, streamed: bool) -> tuple[Flat, torch.optim.Optimizer]:
    """Lay out what learns, with its optimizer; a stream keeps the optimizer's memory from call to call."""
    from trainers import gradients, optimizers

    if not (streamed and hasattr(estimator, "_engine")):
        if hasattr(estimator, "_unfrozen"):
            gradients.freeze(estimator.network_, estimator._unfrozen, gradients.head_of(str(estimator.network)))
        flat = gradients.flatten(estimator.network_)
        estimator._engine = flat, optimizers.optimizer_for(flat, plan)
    engine: tuple[Flat, torch.optim.Optimizer] = estimator._engine
    return engine


def _learn_scales(estimator: Parameters, train: Part) -> None:
    estimator.center_ = estimator.scale_ = None
    if estimator.token_count_:
        estimator._see_target(train.target, train.weights)
        return
    borrowed = getattr(estimator, "_borrowed", None)
    if borrowed is not None and borrowed.center is not None:
        estimator.center_, estimator.scale_ = borrowed.center, borrowed.scale
    elif estimator.standardize == "pixels":
        ones = np.ones((1,) * len(estimator.input_shape_))
        estimator.center_, estimator.scale_ = 0 * ones, inputs.PIXEL * ones
    elif estimator.standardize:
        estimator.center_, estimator.scale_ = inputs.moments(train.values, train.weights)
    elif np.abs(train.values).max() > np.finfo(estimator.dtype).max:
        raise TrainerError(f"X holds numbers too large for {estimator.dtype}; scale them, or keep standardize=True")
    estimator._see_target(train.target, train.weights)


def build_network(estimator: Parameters, seed: int) -> torch.nn.Module:
    """Build the network that the parameters describe, or call the user's function with its own seed."""
    import torch

    from trainers import networks

    _, outputs = estimator._objective()
    if callable(estimator.network):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = _call_builder(estimator, outputs)
        estimator.spec_ = None
    else:
        networks.fits(estimator.network, estimator.input_shape_, tokens=bool(estimator.token_count_))
        _check_images(estimator)
        estimator.spec_ = spec_for(estimator, outputs)
        warn_of_size(networks.layout(estimator.spec_))
        network = networks.build(estimator.spec_, torch.Generator().manual_seed(seed))
    if hasattr(estimator, "_borrowed"):
        estimator._borrowed.lend(network, str(estimator.network))
    return network.to(getattr(torch, estimator.dtype))


def _call_builder(estimator: Parameters, outputs: int) -> torch.nn.Module:
    """Call the user's function, and see that what it builds can learn and answers rows in the form that is trained."""
    import torch

    builder, shape = estimator.network, estimator.input_shape_
    if isinstance(builder, torch.nn.Module) or not callable(builder):
        raise TrainerError(
            "network is a module; expected a function that builds a new one for each fit: "
            f"def build(shape, outputs): return {type(builder).__name__}(...)"
        )
    try:
        inspect.signature(builder).bind(shape, outputs)
    except TypeError as error:
        raise TrainerError(
            f"network cannot be called ({error}); it is given the shape of a row, here {shape}, and the number of "
            f"outputs, here {outputs}: def build(shape, outputs): ..."
        ) from error
    network = builder(shape, outputs)
    if not isinstance(network, torch.nn.Module):
        raise TrainerError(f"network gave {type(network).__name__}; expected a torch.nn.Module")
    if not any(values.requires_grad for values in network.parameters()):
        raise TrainerError("network gave a module without weights that learn; expected at least one parameter")
    return network


def _require_answers(network: torch.nn.Module, rows: Rows, outputs: int) -> None:
    """Refuse a module of the user's whose answers do not have the form that is trained.

    Raises
    ------
    TrainerError
    """
    import torch

    given = rows.inputs[:2]
    with torch.inference_mode():
        answer = network.eval()(given)
    expected, seen = (len(given), outputs), getattr(answer, "shape", type(answer).__name__)
    if seen != expected:
        seen = f"shape {tuple(seen)}" if isinstance(seen, torch.Size) else seen
        raise TrainerError(
            f"network answers {len(given)} rows with {seen}; expected a tensor of shape {expected}: one logit for two "
            "classes, one a class for more, one a label, or a number for each target"
        )


def warn_of_size(network: torch.nn.Module) -> None:
    """Warn of a network that fills the memory, before memory is asked for."""
    count = sum(values.numel() for values in network.parameters())
    if count > LARGE:
        warnings.warn(
            f"the network has {count:,} parameters: {count * 4 / 1e9:.1f} GB, and about four times that while it "
            "trains. Use readout='auto' or 'global', more pooling, smaller images, or fewer hidden units",
            UserWarning,
            stacklevel=5,
        )


def _check_images(estimator: Parameters) -> None:
    changes = set(estimator.augment or {})
    if changes & {"shift", "flip", "rotate", "crop"} and len(estimator.input_shape_) != 3:
        raise TrainerError(
            f"augment moves, turns or mirrors rows of shape {estimator.input_shape_}; expected images: X with 4 "
            "dimensions, or input_shape=(channels, height, width)"
        )


def spec_for(estimator: Parameters, outputs: int) -> NetworkSpec:
    """Gather what determines the layout."""
    from trainers.networks import NetworkSpec

    kind = str(estimator.network)
    default = {"mlp": (64, 64), "cnn": (64,)}.get(kind, ())
    return NetworkSpec(
        kind=kind,
        input_shape=tuple(estimator.input_shape_),
        outputs=outputs,
        vocabulary=int(estimator.token_count_),
        hidden=default if estimator.hidden is None else tuple(int(size) for size in estimator.hidden),
        channels=tuple(int(size) for size in estimator.channels),
        kernel_size=int(estimator.kernel_size),
        pool=int(estimator.pool),
        units=int(estimator.units),
        layers=int(estimator.layers),
        bidirectional=bool(estimator.bidirectional),
        heads=int(estimator.heads),
        pooling=estimator.pooling,
        activation=estimator.activation,
        init=estimator.init,
        batch_norm=bool(estimator.batch_norm),
        dropout=float(estimator.dropout),
        readout=_readout(estimator),
        centered=kind == "cnn",
    )


def _readout(estimator: Parameters) -> str:
    from trainers.networks import readout_for

    shape = tuple(estimator.input_shape_)
    if estimator.network != "cnn" or estimator.token_count_:
        return "flatten"
    return readout_for(estimator.readout, shape, tuple(estimator.channels), int(estimator.pool))


def plan_for(estimator: Parameters, rows: int, epochs: int, streamed: bool) -> Plan:
    """Gather how to train.

    Raises
    ------
    TrainerError
        If batch normalization would see a batch of one row.
    """
    from trainers.losses import Objective

    size = estimator.batch_size
    batch = min(256, max(16, 2 ** round(np.log2(max(rows / 20, 1))))) if isinstance(size, str) else int(size)
    if estimator.batch_norm and rows < 2:
        raise TrainerError("one row is left for training with batch_norm=True; a batch needs two rows. Pass more rows")
    changes = estimator.augment or {}
    return Plan(
        objective=Objective(estimator._objective()[0], estimator.loss, estimator.alpha),
        mixed=estimator.precision == "mixed",
        batch_size=min(batch, rows),
        epochs=epochs,
        patience=int(estimator.patience) if estimator.early_stopping and not streamed else None,
        optimizer=estimator.optimizer,
        learning_rate=float(estimator.learning_rate),
        momentum=float(estimator.momentum),
        schedule="constant" if streamed else estimator.schedule,
        warmup=0 if streamed else int(estimator.warmup),
        l1=float(estimator.l1),
        l2=float(estimator.l2),
        clip_norm=None if estimator.clip_norm is None else float(estimator.clip_norm),
        augment=tuple((name, float(amount)) for name, amount in changes.items() if name != "mixup"),
        mixup=float(changes.get("mixup", 0.0)),
        classes=estimator._objective()[1] if estimator._objective()[0] == "multiclass" else 0,
        pairs=bool(estimator.batch_norm),
        scoring=tuple(estimator.scoring),
    )


def _rows(estimator: Parameters, part: Part, device: torch.device, penalty: GapPenalty | None) -> Rows:
    """Turn arrays into tensors on the device; weights get the mean 1."""
    import torch

    from trainers.gradients import Rows

    dtype = estimator.dtype
    values = part.values
    if not estimator.token_count_:
        values = inputs.standardize(values, estimator.center_, estimator.scale_, dtype)
    objective, _ = estimator._objective()
    target = part.target
    if objective == "regression":
        target = (target - estimator.target_center_) / estimator.target_scale_
    target = target.astype(np.int64 if objective == "multiclass" else dtype)
    weights = None if part.weights is None else (part.weights / part.weights.mean()).astype(dtype)
    compared = aims = None
    if penalty is not None and part.groups is not None:
        compared, aims = contrasts(penalty, part.groups, part.target, part.weights, estimator._code(penalty.favorable))
        compared = compared.astype(dtype)
    parts = (values, target, weights, compared, aims)
    return Rows(*(None if part is None else torch.tensor(part, device=device) for part in parts))  # type: ignore[arg-type]


def known_before(estimator: Parameters, rows: Rows, held: Rows | None) -> tuple[HistoryRow, ...]:
    """Give the rows of epoch 0: sizes and the scale of the inputs."""
    entries = [
        HistoryRow(0, TRAIN, "rows", float(len(rows.inputs))),
        HistoryRow(0, TRAIN, "parameters", float(sum(values.numel() for values in estimator.network_.parameters()))),
    ]
    entries += [HistoryRow(0, TRAIN, name, float(getattr(estimator, name))) for name in ("l1", "l2", "dropout")]
    if held is not None:
        entries.append(HistoryRow(0, VALIDATION, "rows", float(len(held.inputs))))
    ratio = None if estimator.token_count_ else inputs.scale_ratio(rows.inputs.cpu().numpy())
    if ratio is not None:
        entries.append(HistoryRow(0, TRAIN, "input_scale_ratio", ratio))
    return tuple(entries)


def outputs(estimator: Parameters, values: NDArray[Any]) -> Floats:
    """Run forward in blocks that fit the cache; short rows of tokens are run together."""
    import torch

    network = estimator.network_
    device = next(network.parameters()).device
    network.eval()
    order = None
    if estimator.token_count_:
        order = np.argsort((values != 0).sum(axis=1), kind="stable")
        values = values[order]
    size = block_size(values[0].size)
    entries = []
    with torch.inference_mode():
        for start in range(0, len(values), size):
            block = _block(estimator, values[start : start + size])
            answer = network(torch.from_numpy(block).to(device)).to("cpu", torch.float64).numpy()
            entries.append(answer[: len(values) - start])
    together = np.concatenate(entries)
    if order is None:
        return together
    sorted_back = np.empty_like(together)
    sorted_back[order] = together
    return sorted_back


def _block(estimator: Parameters, values: NDArray[Any]) -> NDArray[Any]:
    if len(values) < LEAST_BLOCK:  # matrix products of a few rows round differently
        values = np.concatenate([values, np.repeat(values[-1:], LEAST_BLOCK - len(values), axis=0)])
    if estimator.token_count_:
        used = (values != 0).any(axis=0).nonzero()[0]
        return np.ascontiguousarray(values[:, : used.max() + 1 if len(used) else 1])
    return inputs.standardize(values, estimator.center_, estimator.scale_, estimator.dtype)
