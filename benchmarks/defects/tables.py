"""Real tables as they are planted in: frames by split, roles, and the rules that they trip by nature."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audit.data.dataset import Dataset, Roles, build


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Training and test rows, and which column plays which part."""

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    roles: Roles
    natural: frozenset[str] = field(default_factory=frozenset)
    """Rules that this table trips without any planting, by what is known of it."""
    modality: str = "tabular"
    shape: tuple[int, ...] = ()
    """Of an image or a sequence."""

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self.roles.target

    @property
    def features(self) -> list[str]:
        """Names of the features."""
        return [name for name in self.train.columns if name not in self.roles.not_features()]

    def numeric(self, distinct: int = 10) -> list[str]:
        """Name the numeric features with at least so many values, those with most first."""
        found = [name for name in self.features if pd.api.types.is_numeric_dtype(self.train[name])]
        return sorted(
            (name for name in found if self.train[name].nunique() >= distinct),
            key=lambda name: -self.train[name].nunique(),
        )

    def dataset(self) -> Dataset:
        """Join the splits as an audit does."""
        return build({"train": self.train, "test": self.test}, self.roles)

    def with_frames(self, train: pd.DataFrame | None = None, test: pd.DataFrame | None = None) -> Table:
        """Replace the rows of a split."""
        kept_train = self.train if train is None else train.reset_index(drop=True)
        return replace(self, train=kept_train, test=self.test if test is None else test.reset_index(drop=True))


def data_folder() -> Path | None:
    """Find the folder of real tables: MODELASSAY_DATA, or shared/data beside the repository."""
    named = os.environ.get("MODELASSAY_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    return folder if folder.is_dir() else None


def tables(seed: int, *, small: bool = False) -> Iterator[Table]:
    """Yield each table, split at random by `seed`; a small run takes two of them."""
    folder = data_folder()
    if folder is None:
        raise SystemExit("no folder of real tables: set MODELASSAY_DATA to one")
    makers = (german, adult) if small else (german, adult, acs, compas, heart)
    for make in makers:
        yield make(folder, seed)


def _split(frame: pd.DataFrame, seed: int, rows: int, share: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = np.random.default_rng(seed).permutation(len(frame))[:rows]
    cut = int(len(order) * share)
    return frame.iloc[order[cut:]].reset_index(drop=True), frame.iloc[order[:cut]].reset_index(drop=True)


def adult(folder: Path, seed: int) -> Table:
    """Income of the 1994 census."""
    train, test = _split(pd.read_csv(folder / "adult" / "adult_train.csv"), seed, 20_000)
    roles = Roles(target="income", task="binary", positive=">50K", sensitive=("sex", "race"))
    return Table(name="adult", train=train, test=test, roles=roles, natural=frozenset({"DATA007", "DATA008"}))


def acs(folder: Path, seed: int) -> Table:
    """Income of the American Community Survey."""
    frame = pd.read_parquet(folder / "acs_sample" / "acs_sample_train.parquet")
    train, test = _split(frame, seed, 20_000)
    target = str(frame.columns[-1])
    roles = Roles(target=target, task="binary", sensitive=("SEX",))
    constant = frozenset({"DATA004", "DATA008"})
    return Table(name="acs", train=train, test=test, roles=roles, natural=constant)


def german(folder: Path, seed: int) -> Table:
    """Credit of 1,000 applicants."""
    frame = pd.read_csv(folder / "german_credit" / "german_credit.csv")
    frame["grown"] = np.where(frame["age"] > 30, "over 30", "to 30")
    train, test = _split(frame.drop(columns="age"), seed, len(frame))
    roles = Roles(target="credit", task="binary", positive=2, sensitive=("grown",))
    return Table(name="german", train=train, test=test, roles=roles, natural=frozenset({"DATA007", "DATA008"}))


def compas(folder: Path, seed: int) -> Table:
    """Recidivism within two years; a coarse table."""
    frame = pd.read_csv(folder / "compas" / "compas_two_years.csv")
    names = ["sex", "age", "race", "juv_fel_count", "juv_misd_count", "priors_count", "c_charge_degree"]
    train, test = _split(frame[[*names, "two_year_recid"]], seed, len(frame))
    roles = Roles(target="two_year_recid", task="binary", positive=1, sensitive=("sex", "race"))
    return Table(name="compas", train=train, test=test, roles=roles, natural=frozenset({"DATA007", "DATA008"}))


def heart(folder: Path, seed: int) -> Table:
    """Heart disease of 303 patients: too few rows for what is not blatant."""
    frame = pd.read_csv(folder / "heart_cleveland" / "heart_cleveland.csv")
    frame["num"] = (frame["num"] > 0).astype(int)
    train, test = _split(frame, seed, len(frame))
    roles = Roles(target="num", task="binary", positive=1, sensitive=("sex",))
    return Table(name="heart", train=train, test=test, roles=roles, natural=frozenset({"DATA007", "DATA008"}))


def with_cohort(table: Table) -> Table:
    """Give everybody one of two groups by lot, so that no gap among groups is the table's own."""
    rng = np.random.default_rng(len(table.train))
    frames = [
        frame.assign(cohort=np.where(rng.random(len(frame)) < 0.6, "a", "b")) for frame in (table.train, table.test)
    ]
    return replace(table.with_frames(*frames), roles=replace(table.roles, sensitive=("cohort",)))


def smaller(table: Table, rows: int) -> Table:
    """Keep the first rows of a table whose order is random."""
    share = min(1.0, rows / (len(table.train) + len(table.test)))
    return table.with_frames(*(frame.iloc[: round(share * len(frame))] for frame in (table.train, table.test)))


def hours(folder: Path, seed: int) -> Table:
    """Hours a week that people work."""
    table = smaller(acs(folder, seed), 10_000)
    frames = [frame.drop(columns="PINCP") for frame in (table.train, table.test)]
    roles = Roles(target="WKHP", task="regression", sensitive=("SEX",))
    return replace(table.with_frames(*frames), name="hours", roles=roles)


def amount(folder: Path, seed: int) -> Table:
    """Amounts of 1,000 credits."""
    roles = Roles(target="credit_amount", task="regression", sensitive=("grown",))
    return replace(german(folder, seed), name="amount", roles=roles)


def ages(folder: Path, seed: int) -> Table:
    """Age in three bands."""
    table = smaller(adult(folder, seed), 10_000)
    frames = [
        frame.assign(age=np.array(["young", "middle", "old"])[np.searchsorted([30, 45], frame["age"])])
        for frame in (table.train, table.test)
    ]
    roles = Roles(target="age", task="multiclass", sensitive=("sex",))
    return replace(table.with_frames(*frames), name="ages", roles=roles)


def schooling(folder: Path, seed: int) -> Table:
    """Schooling in three bands."""
    table = smaller(acs(folder, seed), 10_000)
    bands = np.array(["school", "some college", "degree"])
    frames = [frame.assign(SCHL=bands[np.searchsorted([17, 20], frame["SCHL"])]) for frame in (table.train, table.test)]
    roles = Roles(target="SCHL", task="multiclass", sensitive=("SEX",))
    return replace(table.with_frames(*frames), name="schooling", roles=roles)


def digits(folder: Path, seed: int) -> Table:
    """Images of handwritten digits."""
    frame = pd.read_parquet(next((folder / "mnist5k").glob("*.parquet")))
    target = str(next(name for name in frame.columns if frame[name].nunique() == 10 and not name.startswith("p")))
    train, test = _split(frame, seed, 3000)
    pixels = [name for name in frame.columns if name != target]
    frames = [part.assign(**{target: part[target].astype(str)})[[*pixels, target]] for part in (train, test)]
    roles = Roles(target=target, task="multiclass")
    return Table(name="digits", train=frames[0], test=frames[1], roles=roles, modality="image", shape=(1, 28, 28))


def messages(folder: Path, seed: int) -> Table:
    """Short messages, wanted and unwanted."""
    frame = pd.read_csv(next((folder / "sms_spam").glob("*.csv")))
    train, test = _split(frame.set_axis(["label", "text"], axis=1)[["text", "label"]], seed, 4000)
    roles = Roles(target="label", task="binary", positive="spam")
    return Table(name="messages", train=train, test=test, roles=roles, modality="text")


def power(folder: Path, seed: int) -> Table:
    """Power demand of days, of two seasons."""
    frame = pd.read_csv(next((folder / "italy_power_demand").glob("*.csv")))
    target = str(next(name for name in frame.columns if frame[name].nunique() == 2 and "split" not in name.lower()))
    hourly = [name for name in frame.columns if pd.api.types.is_float_dtype(frame[name])]
    train, test = _split(frame[[*hourly, target]], seed, len(frame))
    roles = Roles(target=target, task="binary", positive=2)
    return Table(name="power", train=train, test=test, roles=roles, modality="sequence", shape=(len(hourly), 1))


def subjects(seed: int, *, small: bool = False) -> Iterator[Table]:
    """Yield the tables on which defects of models are planted: binary ones with groups by lot, then the others."""
    folder = data_folder()
    if folder is None:
        raise SystemExit("no folder of real tables: set MODELASSAY_DATA to one")
    makers = (german,) if small else (german, adult, acs, compas, hours, amount, ages, schooling)
    for make in makers:
        yield with_cohort(smaller(make(folder, seed), 8000))
    if not small:
        for make in (digits, messages, power):
            yield make(folder, seed)
