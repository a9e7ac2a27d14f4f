"""Ray's cluster and jobs: one version of Ray, commands that there are, bounds, and an end."""

import shlex
import tomllib

import pytest
from typer.main import get_command

from fraud_detection_api.cli import app
from support.manifests import PROJECT, RAY_OVERLAYS, environment, of_kind, pods, quantity, templates, the

LOCK = tomllib.loads((PROJECT / "poetry.lock").read_text(encoding="utf-8"))
JOBS = ("production/ray/score", "production/ray/tune")


@pytest.fixture(params=RAY_OVERLAYS)
def objects(request, manifests):
    return manifests[request.param]


@pytest.fixture
def cluster(objects):
    [found] = of_kind(objects, "RayCluster", "RayJob")
    return found["spec"].get("rayClusterSpec", found["spec"])


@pytest.fixture
def groups(cluster):
    """The head and the groups of workers."""
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


@pytest.fixture(params=JOBS)
def job(request, manifests):
    return the(manifests[request.param], "RayJob")


def only_container(group):
    [container] = group["template"]["spec"]["containers"]
    return container


def words(job):
    return shlex.split(job["spec"]["entrypoint"])


def test_the_version_of_ray_is_the_locked_one(cluster):
    [locked] = {package["version"] for package in LOCK["package"] if package["name"] == "ray"}
    assert cluster["rayVersion"] == locked


def test_the_jobs_clusters_are_the_one_that_stays(manifests):
    [stays] = of_kind(manifests["production/ray/cluster"], "RayCluster")
    score = the(manifests["production/ray/score"], "RayJob")
    assert score["spec"]["rayClusterSpec"] == stays["spec"]
    assert not of_kind(manifests["production/ray/score"], "RayCluster", "PodTemplate")


def test_a_cluster_takes_no_command_without_its_token(cluster):
    assert cluster["authOptions"] == {"mode": "token"}


def test_every_parameter_of_a_node_is_one_of_ray_start(groups):
    from ray.scripts.scripts import start

    options = {option.removeprefix("--") for each in start.params for option in each.opts}
    assert {name for group in groups for name in group["rayStartParams"]} <= options


def test_a_worker_takes_as_many_files_as_it_asked_for_processors_and_the_head_none(groups):
    head, *workers = groups
    assert head["rayStartParams"]["num-cpus"] == "0"
    for worker in workers:
        assert quantity(only_container(worker)["resources"]["requests"]["cpu"]) == int(
            worker["rayStartParams"]["num-cpus"]
        )


def test_a_process_of_a_worker_has_one_thread(groups, objects):
    for worker in groups[1:]:
        given = environment(only_container(worker), objects)
        assert (given["OMP_NUM_THREADS"], given["POLARS_MAX_THREADS"]) == ("1", "1")


def test_the_object_store_fits_its_folder(groups):
    for group in groups:
        [folder] = [each for each in group["template"]["spec"]["volumes"] if each["name"] == "shared-memory"]
        assert int(group["rayStartParams"]["object-store-memory"]) <= quantity(folder["emptyDir"]["sizeLimit"])
        assert {"name": "shared-memory", "mountPath": "/dev/shm"} in only_container(group)["volumeMounts"]


def test_scratch_files_fit_their_bound(groups):
    for group in groups:
        [tmp] = [each for each in group["template"]["spec"]["volumes"] if each["name"] == "tmp"]
        bound = quantity(only_container(group)["resources"]["limits"]["ephemeral-storage"])
        assert quantity(tmp["emptyDir"]["sizeLimit"]) < bound


def test_nodes_are_probed_without_programs_that_the_image_lacks(groups):
    for group in groups:
        container = only_container(group)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"] == {"path": "/api/healthz", "port": 52365}


def test_a_node_has_five_minutes_to_start(groups):
    for group in groups:
        probe = only_container(group)["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def test_the_registrys_password_is_in_the_head_alone(objects):
    for name, _, pod in pods(objects):
        given = environment(pod["containers"][0], objects)
        assert ("MLFLOW_TRACKING_PASSWORD" in given) == name.endswith("/head")


def test_the_submitter_has_no_keys(job):
    [template] = [template for name, template in templates(job) if name.endswith("/submitter")]
    assert [each["name"] for each in template["spec"]["containers"][0]["env"]] == ["HOME"]
    assert {kind for volume in template["spec"]["volumes"] for kind in volume} == {"name", "emptyDir"}


def test_a_job_ends_and_takes_its_cluster_with_it(job):
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    assert job["spec"]["ttlSecondsAfterFinished"] <= 3600
    assert job["spec"]["activeDeadlineSeconds"] <= 86_400
    assert job["spec"]["backoffLimit"] == 1


def test_a_job_is_a_command_that_there_is_and_runs_on_its_cluster(job):
    program, name, *arguments = words(job)
    assert program == "fraud"
    command = get_command(app).get_command(None, name)
    context = command.make_context(name, arguments, resilient_parsing=True)  # its files are on the cluster
    assert (context.params["engine"], context.params["ray_address"]) == ("ray", "auto")


def test_tuning_waits_for_its_records(manifests):
    job = the(manifests["production/ray/tune"], "RayJob")
    assert job["spec"]["suspend"] is True


def test_a_study_is_on_a_volume_that_outlives_the_cluster(manifests):
    job = the(manifests["production/ray/tune"], "RayJob")
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]
    assert {"name": "tuning", "mountPath": "/app/store"} in only_container(head)["volumeMounts"]
    given = words(job)
    assert given[given.index("--study") + 1].startswith("/app/store/")


def test_as_many_trials_run_as_workers_have_processors(manifests):
    job = the(manifests["production/ray/tune"], "RayJob")
    [group] = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    given = words(job)
    assert int(given[given.index("--workers") + 1]) == group["replicas"] * int(group["rayStartParams"]["num-cpus"])
