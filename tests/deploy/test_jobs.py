"""The retraining, and the migrations that go before a roll-out."""

import re

import pytest

from fraud_detection_api.settings import Settings
from support.manifests import PROJECT, containers, environment, pods, quantity, secret, the


@pytest.fixture
def retrain(production):
    return the(production, "CronJob")


@pytest.fixture
def trainer(retrain):
    [container] = retrain["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture
def migrate(migrations):
    return the(migrations, "Job")


@pytest.fixture
def migrator(migrate):
    [container] = migrate["spec"]["template"]["spec"]["containers"]
    return container


def test_two_retrainings_never_run_at_once(retrain):
    assert retrain["spec"]["concurrencyPolicy"] == "Forbid"


def test_a_retraining_that_missed_its_hour_or_hangs_is_given_up(retrain):
    assert retrain["spec"]["startingDeadlineSeconds"] == 3600
    assert retrain["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] <= 6 * 3600
    assert retrain["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 1


def test_past_retrainings_are_kept_to_be_looked_at_and_no_more_than_some(retrain):
    assert 1 <= retrain["spec"]["successfulJobsHistoryLimit"] <= 5
    assert 1 <= retrain["spec"]["failedJobsHistoryLimit"] <= 5
    assert retrain["spec"]["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] > 7 * 86_400  # the last week's is there


def test_its_hour_does_not_depend_on_where_the_cluster_is(retrain):
    assert retrain["spec"]["timeZone"] == "Etc/UTC"
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", retrain["spec"]["schedule"])


def test_retraining_alone_uses_the_image_that_can_train(manifests):
    used = {
        (name, each["image"].rpartition(":")[2].partition("-")[2])
        for objects in manifests.values()
        for name, _, pod in pods(objects)
        for each in containers(pod)
    }
    assert {name for name, variant in used if variant == "train"} == {"CronJob/retrain"}


def test_it_trains_with_as_many_threads_as_it_asked_for(trainer, production):
    given = environment(trainer, production)
    asked = quantity(trainer["resources"]["requests"]["cpu"])
    assert float(given["OMP_NUM_THREADS"]) == float(given["POLARS_MAX_THREADS"]) == asked


def test_its_folder_is_larger_than_what_it_may_export_and_within_its_bound(retrain, trainer):
    [tmp] = [v for v in retrain["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"] if v["name"] == "tmp"]
    assert quantity(tmp["emptyDir"]["sizeLimit"]) < quantity(trainer["resources"]["limits"]["ephemeral-storage"])
    assert "medium" not in tmp["emptyDir"]


def test_it_reads_and_writes_where_the_servers_do(trainer, production):
    [server] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    mine, theirs = (Settings.from_environment(environment(each, production)) for each in (trainer, server))
    assert (mine.store, mine.registry) == (theirs.store, theirs.registry)


@pytest.mark.parametrize("setting", ["FRAUD_SEAL_KEY_FILE", "FRAUD_PSEUDONYM_KEY_FILE"])
def test_it_reads_decisions_with_the_servers_keys_and_knows_no_callers(retrain, trainer, production, setting):
    pod = retrain["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    server_pod = the(production, "Deployment")["spec"]["template"]["spec"]
    mine, theirs = (
        kept_in(each, where, setting, production)
        for each, where in ((trainer, pod), (server_pod["containers"][0], server_pod))
    )
    assert mine == theirs
    [volume] = [each for each in pod["volumes"] if each["name"] == "server-keys"]
    assert [item["key"] for item in volume["secret"]["items"]] == ["pseudonym-key", "seal-key"]


def kept_in(container, pod, setting, objects):
    """The name of the Secret, and the key in it, of the file that a setting names."""
    folder, _, key = environment(container, objects)[setting].rpartition("/")
    [mount] = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
    [volume] = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    return volume["secret"]["secretName"], key


def test_jobs_are_commands_that_there_are(migrator, trainer):
    page = (PROJECT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for container in (migrator, trainer):
        assert f"`fraud {' '.join(container['args'])}" in page


def test_migrations_are_made_by_the_tables_owner_and_servers_do_not_know_that_password(
    migrator, migrations, production
):
    owner = environment(migrator, migrations)
    [server] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    others = environment(server, production)
    assert owner["FRAUD_STORE"] == others["FRAUD_STORE"]
    assert (owner["PGUSER"], others["PGUSER"]) == ("fraud_owner", "fraud_server")
    assert owner["PGPASSWORD"] not in str(production)
    known = [secret(each, key) for each in production if each["kind"] == "Secret" for key in each["data"]]
    assert owner["PGPASSWORD"] not in known


def test_migrations_end_whatever_happens(migrate):
    assert migrate["spec"]["backoffLimit"] <= 5
    assert migrate["spec"]["activeDeadlineSeconds"] <= 3600
    assert migrate["spec"]["ttlSecondsAfterFinished"] <= 86_400
    assert migrate["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_migrations_share_their_settings_image_and_namespace_with_the_servers(migrations, production, migrator):
    shared = [each for each in migrations if each in production]
    kinds = {each["kind"] for each in shared}
    assert kinds == {"Namespace", "ServiceAccount", "ConfigMap", "Secret", "NetworkPolicy"}
    [server] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert migrator["image"] == server["image"]


def test_the_image_that_trains_can_be_built():
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    extras = re.findall(r'--build-arg EXTRAS="([\w ]+)" \\?\s*--tag \S+?:([\w.$-]+)', page)
    known = set(re.findall(r"^(\w+) = \[", project_extras(), re.MULTILINE))
    assert {tag: set(given.split()) for given, tag in extras} == {
        "$VERSION": {"postgres", "mlflow"},
        "$VERSION-train": {"postgres", "mlflow"},
        "$VERSION-ray": {"mlflow", "cloud", "delta", "kuberay"},
    }
    assert {"postgres", "mlflow", "cloud", "delta", "kuberay", "train"} <= known


def project_extras():
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    return text.split("[project.optional-dependencies]")[1].split("[project.scripts]")[0]
