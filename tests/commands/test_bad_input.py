"""Bad input: one line that names what is wrong and what would be right, exit code 2, no file touched."""

import pytest
from ufh_command import SMALL, rows

RUN = ("run", "polynomials", "--budget=20", "--trials=1", "--jobs=1")
SWEEP = ("sweep", "polynomials", "--budget=20", "--trials=1", "--jobs=1")


def refused(ufh, *arguments):
    before = sorted(ufh.folder.rglob("*"))
    line = ufh(*arguments, code=2).refusal()
    assert sorted(ufh.folder.rglob("*")) == before
    return line


SETTINGS = {
    # what is given with --set: the words that the line must hold
    "hash.mantissa_bit=5": ["hash.mantissa_bit", "'mantissa_bits'"],
    "hsh.mantissa_bits=5": ["hsh", "'hash'"],
    "trails=5": ["trails", "'trials'"],
    "options.trems=3": ["options.trems", "'terms'"],
    "search.population=10": ["search.population", "'population_size'"],
    "cache.counterfatual=true": ["cache.counterfatual", "'counterfactual'"],
    "hash.=5": ["hash."],
    "hash.mantissa_bits.deep=5": ["hash.mantissa_bits"],
    "hash=5": ["hash", "5"],
    "search=5": ["search", "5"],
    "budget=5": ["budget", "5"],
    "over=5": ["over"],
    "over.technique=5": ["over"],
    "nonsense": ["nonsense", "key=value"],
    "=5": ["key=value"],
    "hash.mantissa_bits=many": ["hash.mantissa_bits", "integer", "many"],
    "hash.mantissa_bits=1.5": ["hash.mantissa_bits", "1.5"],
    "hash.mantissa_bits=true": ["hash.mantissa_bits", "True"],
    "hash.mantissa_bits=0": ["mantissa_bits", "0", "52"],
    "hash.mantissa_bits=-3": ["mantissa_bits", "-3"],
    "hash.mantissa_bits=53": ["mantissa_bits", "53", "52"],
    "hash.decimals=16": ["decimals", "16", "15"],
    "hash.kind=structual": ["hash.kind", "structural", "structual"],
    "hash.cost=-1": ["hash.cost", "-1"],
    "hash.cost=nan": ["hash.cost", "nan"],
    "hash.cost=inf": ["hash.cost", "inf"],
    "cache.forget_probability=1.5": ["cache.forget_probability", "1.5"],
    "cache.forget_probability=1/M": ["cache.forget_probability", "1/N", "1/M"],
    "cache.forget_probability=nan": ["cache.forget_probability", "nan"],
    "cache.max_evaluations=0": ["cache.max_evaluations", "0"],
    "cache.max_entries=0": ["cache.max_entries", "0"],
    "cache.counterfactual=1": ["cache.counterfactual", "1"],
    "cache.counterfactual=true": ["counterfactual", "none", "cache"],
    "cache.tolerance=-1": ["cache.tolerance", "-1"],
    "cache.tolerance=nan": ["cache.tolerance", "nan"],
    "proposals.max_tries=-1": ["proposals.max_tries", "-1"],
    "proposals.max_seen=-1": ["proposals.max_seen", "-1"],
    "budget.candidates=0": ["budget.candidates", "0"],
    "budget.target_fitness=nan": ["budget.target_fitness", "nan"],
    "search.method=genetic": ["search.method", "genetic", "regularized_evolution"],
    "search.method=[1]": ["search.method"],
    "search.method=7": ["search.method", "7"],
    "search.population_size=0": ["population_size", "0"],
    "search.population_size=ten": ["search.population_size", "ten"],
    "search.tournament_size=101": ["tournament_size", "100", "101"],
    "search.tournament_size=0": ["tournament_size", "0"],
    "search.fresh_probability=1.0": ["fresh_probability", "1.0"],
    "search.restart=-1": ["restart", "-1"],
    "search.ties=oldest": ["search.ties", "'random' or 'newest'", "oldest"],
    "options.terms=0": ["terms", "0", "polynomials"],
    "options.terms=few": ["options.terms", "few"],
    "options=5": ["options", "5"],
    "technique=5": ["technique", "5"],
    "trials=nan": ["trials", "nan"],
    "seed=1.5": ["seed", "1.5"],
    "reevaluate=never": ["reevaluate", "never", "auto"],
    "setup=other": ["other"],
    "seed=" + "9" * 5000: ["seed", "999…"],
    "seed=" + "[" * 5000: ["seed", "[[[…"],
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting[:60])
def test_settings(ufh, setting):
    line = refused(ufh, *RUN, "--set", setting)
    assert all(word in line for word in SETTINGS[setting]), line


def test_a_key_over_two_lines_still_makes_one(ufh):
    assert "unknown key" in refused(ufh, *RUN, "--set", "one\ntwo=3")


def test_bits_and_decimals_exclude_each_other(ufh):
    line = refused(ufh, *RUN, "--set=hash.decimals=3", "--set=hash.mantissa_bits=3")
    assert "mantissa_bits" in line
    assert "decimals" in line


@pytest.mark.parametrize("technique", ["fec", "fcm"])
def test_more_bits_than_the_outputs_have(ufh, technique):
    line = refused(ufh, *RUN, f"--technique={technique}", "--set=hash.mantissa_bits=24")
    assert all(word in line for word in ("24", "23", "float32")), line


OPTIONS = {
    # options after `ufh run polynomials`: the words that the line must hold
    ("--budget=0",): ["budget.cost", "0"],
    ("--budget=-1",): ["budget.cost", "-1"],
    ("--budget=nan",): ["budget.cost", "nan"],
    ("--budget=inf",): ["budget.cost", "inf"],
    ("--budget=much",): ["--budget"],
    ("--budget=20", "--trials=0"): ["trials", "0"],
    ("--budget=20", "--trials=2.5"): ["--trials"],
    ("--budget=20", "--jobs=0"): ["--jobs", "0"],
    ("--budget=20", "--jobs=-2"): ["--jobs", "-2"],
    ("--budget=20", "--workers=0"): ["workers", "0"],
    ("--budget=20", "--workers=1025"): ["workers", "1,024", "1,025"],  # each would be a process
    ("--budget=20", "--seed=-1"): ["seed", "-1"],
    ("--budget=20", "--technique=fecc"): ["fecc", "fec"],
    ("--budget=20", "--technique=FEC"): ["FEC", "fec"],
    ("--budget=20", "--technique=fec+"): ["technique", "fcm"],
    ("--budget=20", "--technique=fec+fea"): ["fec", "fea", "one"],
    ("--budget=20", "--technique=fcm+fcm"): ["fcm", "twice"],
    ("--budget=20", "--technique=none+fec"): ["none"],
    ("--budget=20", "--search=tournamnet"): ["tournamnet", "'tournament'"],
    ("--budget=20", "--trils=3"): ["--trils", "--trials"],
    ("--budget=20", "--config=nowhere"): ["nowhere"],
    ("--budget=20", "--config=."): ["TOML"],
    ("--budget=20", "further"): ["further"],
    ("--budget=20", "--config=" + "a" * 5000): ["configuration", "neither"],
    ("--budget=20", "--results=" + "a" * 5000): ["cannot be written"],
    ("--budget=20", "--technique=fec", "--warm-cache=nowhere"): ["no results called 'nowhere'"],
    ("--budget=20", "--technique=fec", "--warm-cache="): ["no results called ''"],
    (): ["budget"],
}


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options)[:60])
def test_options(ufh, options):
    line = refused(ufh, "run", "polynomials", *options)
    assert all(word in line for word in OPTIONS[options]), line


SWEPT = {
    (): ["--over"],
    ("--over=technique",): ["technique", "key=value"],
    ("--over=technique=",): ["technique"],
    ("--over==1",): ["key=value"],
    ("--over=technique=none,",): ["technique"],
    ("--over=technique=none,none",): ["technique"],
    ("--over=technique=none,fecc",): ["fecc", "fec"],
    ("--over=tecnique=none,fec",): ["tecnique", "'technique'"],
    ("--over=hash.mantissa_bits=4,53",): ["mantissa_bits", "53"],
    ("--over=hash.mantissa_bits=4,24", "--technique=fec"): ["24", "float32"],
    ("--over=hash.mantissa_bit=4,5",): ["mantissa_bit", "'mantissa_bits'"],
    ("--over=technique=none", "--over=technique=fec"): ["technique", "twice"],
    ("--over=technique=none,fec", "--technique=fcm"): ["technique is set, but also swept by --over"],
    ("--over=hash.decimals=3,4", "--set=hash.decimals=5"): ["hash.decimals is set, but also swept"],
    ("--over=hash.decimals=3,4", "--set=hash.mantissa_bits=5"): ["mantissa_bits or decimals"],
    ("--over=seed=1,2",): ["seed"],
    ("--over=trials=1,2",): ["trials"],
    ("--over=setup=polynomials",): ["setup"],
    ("--over=options.terms=2,0",): ["terms", "0"],
    ("--over=budget.cost=10,20",): ["budget.cost is set, but also swept"],
}


@pytest.mark.parametrize("options", SWEPT, ids=" ".join)
def test_sweeps(ufh, options):
    line = refused(ufh, *SWEEP, *options)
    assert all(word in line for word in SWEPT[options]), line


def test_a_swept_budget_must_be_one(ufh):
    line = refused(ufh, "sweep", "polynomials", "--over=budget.cost=10,nan")
    assert "budget.cost" in line
    assert "nan" in line


CONFIGURATIONS = {
    b"technique = \n": ["odd.toml", "line 1"],
    b"\xff\xfe": ["odd.toml"],
    b'technique = "fec"\ntecnique = "fec"\n': ["odd.toml", "tecnique", "'technique'"],
    b"[hash]\nmantisa_bits = 3\n": ["odd.toml", "hash.mantisa_bits", "'mantissa_bits'"],
    b"[searching]\n": ["odd.toml", "searching", "'search'"],
    b'[hash]\nmantissa_bits = "12"\n': ["odd.toml", "hash.mantissa_bits", "'12'"],
    b'setup = "nasbench"\n': ["odd.toml", "nasbench", "polynomials"],
    b"setup = 3\n": ["odd.toml", "3"],
    b"over = 3\n": ["over"],
    b'[over]\ntechnique = "fec"\n': ["over"],
    b"[over]\ntechnique = []\n": ["odd.toml", "technique"],
    b'[over]\ntechnique = ["none", "fecc"]\n': ["odd.toml", "fecc"],
    b"[over]\noptions.terms = [2, 3]\n": ["odd.toml", 'quotes: "options.terms"'],
    b"seed = " + b"9" * 5000: ["odd.toml"],
    b"seed = " + b"[" * 5000: ["odd.toml"],
    b"[hash]\nmantissa_bits = 4\ndecimals = 4\n": ["odd.toml", "mantissa_bits or decimals"],
    b"search = [1]\n": ["odd.toml", "search"],
    b"[search]\nmethod = 1979-05-27\n": ["odd.toml", "search.method"],
    b"[budget]\ncost = 1979-05-27\n": ["odd.toml", "budget.cost"],
}


@pytest.mark.parametrize("text", CONFIGURATIONS, ids=lambda text: text[:60].decode(errors="replace").split("\n")[0])
def test_configuration_files(ufh, text):
    (ufh.folder / "odd.toml").write_bytes(text)
    options = () if b"budget" in text else ("--budget=20",)
    line = refused(ufh, "run", "polynomials", *options, "--trials=1", "--config=odd.toml")
    assert all(word in line for word in CONFIGURATIONS[text]), line


COMMANDS = {
    ("run",): ["setup"],
    ("run", "polynomial", "--budget=9"): ["polynomial", "'polynomials'"],
    ("sweep", "polynomial", "--over=seed=1"): ["polynomial", "'polynomials'"],
    ("hash", "polynomial", "x"): ["polynomial", "'polynomials'"],
    ("hash", "polynomials"): ["candidate"],
    ("hash", "polynomials", "3x"): ["polynomials", "'3x'"],
    ("hash", "polynomials", ""): ["polynomials"],
    ("hash", "polynomials", "y" * 300): ["polynomials"],
    ("hash", "polynomials", "+1x^2", "--set=hash.mantissa_bits=24"): ["24", "23"],
    ("hash", "polynomials", "+1x^2", "--set=hash.mantissa_bit=4"): ["'mantissa_bits'"],
    ("data", "fetch", "polynomials"): ["polynomials", "fetch"],
    ("data", "fetch", "polynomial"): ["polynomial", "'polynomials'"],
    ("data", "convert", "polynomials"): ["convert"],
    ("data", "convert", "polynomials", "--from=nowhere"): ["polynomials", "convert"],
    ("data", "fecth", "polynomials"): ["fecth"],
    ("sho", "x"): ["sho", "show"],
    ("show",): ["name"],
    ("show", "nothing"): ["nothing", "results"],
    ("show", "known", "--results=nowhere"): ["known", "nowhere"],
    ("show", "knwon"): ["knwon", "'known'"],
    ("show", "known:technique=fec"): ["technique"],
    ("show", "known:fec"): ["fec", "key=value"],
    ("plot",): ["names"],
    ("plot", "knwon"): ["knwon", "'known'"],
    ("plot", "known", "--kind=curve"): ["curve", "'curves'"],
    ("plot", "known", "--out=figure.xyz"): ["figure.xyz", "png"],
    ("plot", "known", "--out=known.toml/figure.png"): ["figure.png"],
    ("plot", "known", "--out=figure"): ["--out", "figure", "ending"],
    ("plot", "known", "--out=results"): ["--out", "results", "ending"],
    ("show", "a" * 5000): ["no results called 'aaa"],
    ("show", "\udcff"): ["no results called"],
    ("calibrate", "polynomials", "--name=../x"): ["--name '../x' cannot be"],
    ("compare", "known"): ["two"],
    ("compare", "known", "knwon"): ["knwon", "'known'"],
    ("compare", "swept:technique=fec"): ["two"],
    ("compare", "known", "known", "known"): ["known"],
    ("compare", "single", "known"): ["two"],
    ("show", "swept:technique=fcm"): ["technique=fcm"],
    ("show", "swept:tecnique=fec"): ["tecnique", "'technique'"],
    ("compare", "swept", "known"): ["3"],
}


@pytest.fixture(scope="module")
def known(ufh):
    """Some results and a file, for those that ask for others."""
    ufh("run", "polynomials", *SMALL, "--trials=3", "--jobs=1", "--name=known")
    ufh("run", "polynomials", *SMALL, "--trials=1", "--jobs=1", "--name=single")
    ufh("sweep", "polynomials", *SMALL, "--trials=3", "--jobs=1", "--over=technique=none,fec", "--name=swept")
    (ufh.folder / "known.toml").write_text("", encoding="utf-8")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments)[:60])
def test_commands(ufh, arguments):
    line = refused(ufh, *arguments)
    assert all(word in line for word in COMMANDS[arguments]), line


def test_a_folder_that_cannot_be_written(ufh):
    (ufh.folder / "taken").write_text("a file", encoding="utf-8")
    for options in ((), ("--name=x",)):
        assert "taken" in refused(ufh, *RUN, "--results=taken", *options)
    assert "no results" in refused(ufh, "show", "x", "--results=taken")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 300, "cannot be the name of a folder of results"),
        ("a:b", "--name 'a:b' cannot be the name of a folder of results"),
        ("..", "--name '..' cannot be the name of a folder of results"),
        (".", "--name '.' cannot be the name of a folder of results"),
        (" ", "--name ' ' cannot be the name of a folder of results"),
        ("", "--name '' cannot be the name of a folder of results"),
        ("-x", "--name '-x' cannot be the name of a folder of results"),
        ("a\tb", r"--name 'a\tb' cannot be the name of a folder of results"),
        ("\udcff", r"--name '\udcff' cannot be the name of a folder of results"),
    ],
)
def test_names_that_cannot_be_results(ufh, name, words):
    """A name with a colon could never be selected: NAME:key=value; the others are no folder in results."""
    assert words in refused(ufh, *RUN, f"--name={name}")


def test_real_processes_refuse_alike(ufh):
    for arguments in (
        [*RUN, "--set=hash.mantissa_bit=5"],
        ["run", "polynomials", "--trils=3"],
    ):
        outcome = ufh.process(*arguments, code=2)
        outcome.refusal()
        assert outcome.out == ""


@pytest.mark.parametrize("arguments", [(), ("data",)])
def test_without_a_command_there_is_help(ufh, arguments):
    process = ufh.start(*arguments)
    out, err = process.communicate(timeout=30)
    assert process.returncode in (0, 2)
    assert (out + err).lstrip().startswith("Usage:")


def test_help_of_every_command(ufh):
    for command in ("run", "sweep", "plot", "show", "compare", "setups", "hash", "data"):
        outcome = ufh(command, "--help")
        assert outcome.out.startswith("Usage: ")


def test_a_whole_number_may_be_written_with_an_exponent(ufh):
    ufh(*RUN, "--set=search.population_size=1e1", "--set=search.tournament_size=3", "--name=exponent")
    assert len(rows(ufh.folder / "results" / "exponent" / "trials.csv")) == 1
