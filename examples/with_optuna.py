"""Optuna: the objective asks the cache; the study's own storage is its memory; a budget counts real evaluations."""

import optuna
from terms import TERMS, loss, outputs

import ufh_cli as ufh


def genes_of(trial):
    return [trial.suggest_int(f"gene{i}", 0, 3) for i in range(2 * TERMS)]


def main(evaluations: int = 100):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    evaluate = ufh.functional_cache(outputs=outputs, mantissa_bits=24)(loss)

    def objective(trial):
        genes = genes_of(trial)
        trial.set_user_attr("ufh_key", f"{evaluate.key(genes):016x}")
        return evaluate(genes)

    def stop(study, trial):
        if evaluate.stats().evaluated >= evaluations:
            study.stop()

    study.optimize(objective, n_trials=100 * evaluations, callbacks=[stop])

    # From the storage, which workers share, the memory can be had again.
    known = {trial.user_attrs["ufh_key"]: trial.value for trial in study.get_trials(deepcopy=False)}
    assert len(known) == evaluate.stats().evaluated
    return evaluate.stats()


if __name__ == "__main__":
    print(main())
