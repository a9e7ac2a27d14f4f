"""What holds for every pod of every overlay, whoever adds the next one: few privileges, bounds, settings that there are."""

import re
from pathlib import Path

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import PREFIX, Settings
from support.manifests import PROJECT, containers, environment, of_kind, pods, quantity, the

DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
FOREIGN_VARIABLES = {
    *(
        "PGUSER",
        "PGPASSWORD",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
    ),
    *("HOME", "MPLCONFIGDIR", "OMP_NUM_THREADS", "POLARS_MAX_THREADS", "SSL_CERT_FILE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "RAY_USAGE_STATS_ENABLED"),
}


@pytest.fixture
def found_pods(overlay):
    found = list(pods(overlay))
    assert found
    return found


@pytest.fixture
def found_containers(found_pods):
    return [each for _, _, pod in found_pods for each in containers(pod)]


def test_pods_run_as_the_images_user(found_pods):
    uid, gid = map(int, re.search(r"^USER (\d+):(\d+)$", DOCKERFILE.split(" AS base")[1], re.MULTILINE).groups())
    for _, _, pod in found_pods:
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (uid, gid, gid)


def test_system_calls_are_filtered(found_pods):
    for _, _, pod in found_pods:
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_containers_do_not_undo_what_their_pod_is_bound_to(found_containers):
    for container in found_containers:
        loosened = {"runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile", "procMount"}
        assert not loosened & container["securityContext"].keys()


def test_containers_have_no_privileges_and_cannot_write_to_their_image(found_containers):
    for container in found_containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_pods_share_nothing_with_their_node(found_pods):
    for _, _, pod in found_pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        kinds = {kind for volume in pod.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}
    assert not [
        port
        for _, _, pod in found_pods
        for each in containers(pod)
        for port in each.get("ports", ())
        if "hostPort" in port
    ]


def test_nobody_holds_a_token_of_the_kubernetes_api(overlay, found_pods):
    accounts = {each["metadata"]["name"]: each for each in of_kind(overlay, "ServiceAccount")}
    for _, _, pod in found_pods:
        assert pod["automountServiceAccountToken"] is False
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert not of_kind(overlay, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_containers_ask_for_what_they_need_and_are_held_to_it(found_containers):
    for container in found_containers:
        asked, bound = container["resources"]["requests"], container["resources"]["limits"]
        assert asked.keys() >= {"cpu", "memory"}
        assert bound.keys() == {"memory", "ephemeral-storage"}  # of the processor none, see base/deployment.yaml
        assert quantity(asked["memory"]) <= quantity(bound["memory"])


def test_folders_that_can_be_filled_have_a_size(found_pods):
    empty = [volume["emptyDir"] for _, _, pod in found_pods for volume in pod["volumes"] if "emptyDir" in volume]
    assert all("sizeLimit" in each for each in empty)


def test_folders_in_memory_fit_the_containers_memory(found_pods):
    for _, _, pod in found_pods:
        memory = sum(quantity(volume["emptyDir"]["sizeLimit"]) for volume in pod["volumes"] if in_memory(volume))
        assert memory < min(quantity(each["resources"]["limits"]["memory"]) for each in pod["containers"]) / 4


def in_memory(volume):
    return volume.get("emptyDir", {}).get("medium") == "Memory"


def test_secrets_and_settings_that_pods_name_are_there(overlay, found_pods):
    secrets = {each["metadata"]["name"]: each["data"].keys() for each in of_kind(overlay, "Secret")}
    claims = {each["metadata"]["name"] for each in of_kind(overlay, "PersistentVolumeClaim")}
    for _, _, pod in found_pods:
        for volume in pod["volumes"]:
            if "secret" in volume:
                wanted = {item["key"] for item in volume["secret"].get("items", ())}
                assert wanted <= secrets[volume["secret"]["secretName"]]
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
        for container in containers(pod):
            environment(container, overlay)
            assert {each["name"] for each in container["volumeMounts"]} <= {each["name"] for each in pod["volumes"]}


def test_secrets_are_mounted_for_their_reader_alone(found_pods):
    for _, _, pod in found_pods:
        modes = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
        assert set(modes) <= {0o440}
        names = {volume["name"] for volume in pod["volumes"] if "secret" in volume}
        mounts = [each for container in containers(pod) for each in container["volumeMounts"] if each["name"] in names]
        assert all(each["readOnly"] is True for each in mounts)


def test_every_variable_is_a_setting(overlay, found_containers):
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {name for container in found_containers for name in environment(container, overlay)}
    assert given - FOREIGN_VARIABLES <= known


def test_settings_can_be_read(overlay, found_pods):
    for _, _, pod in found_pods:
        for container in pod["containers"]:
            Settings.from_environment(environment(container, overlay))


def test_kubernetes_adds_no_variables_that_would_be_taken_for_settings(found_pods):
    assert all(pod["enableServiceLinks"] is False for _, _, pod in found_pods)


def test_files_that_settings_name_are_mounted(overlay, found_pods):
    for _, _, pod in found_pods:
        for container in pod["containers"]:
            paths = set(re.findall(r"/run/secrets/[\w./-]+", " ".join(environment(container, overlay).values())))
            assert paths <= set(mounted_files(overlay, pod, container))


def mounted_files(overlay, pod, container):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        found = volumes[mount["name"]].get("secret")
        if found is not None:
            keys = the(overlay, "Secret", found["secretName"])["data"].keys()
            names = [item["path"] for item in found["items"]] if "items" in found else keys
            yield from (f"{mount['mountPath']}/{name}" for name in names)


def test_images_are_of_this_version(found_containers):
    for container in found_containers:
        name, _, tag = container["image"].rpartition(":")
        assert name.endswith("fraud-detection-api")
        assert tag in {VERSION, f"{VERSION}-train", f"{VERSION}-ray"}


def test_a_tag_that_is_never_moved_need_not_be_pulled_again(found_containers):
    assert {container["imagePullPolicy"] for container in found_containers} == {"IfNotPresent"}


def test_ports_and_probes_are_the_applications(found_pods, overlay):
    paths = create_app(Settings(), container=build_container(Settings())).openapi()["paths"]
    exposed = int(re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1])
    for container in [each for _, _, pod in found_pods for each in containers(pod) if "ports" in each]:
        settings = environment(container, overlay)
        assert container["ports"] == [
            {"name": "http", "containerPort": exposed},
            {"name": "health", "containerPort": int(settings["FRAUD_HEALTH_PORT"])},
        ]
        assert settings["FRAUD_PORT"] == str(exposed)
        for probe in [container[name] for name in container if name.endswith("Probe")]:
            assert probe["httpGet"]["path"] in paths
            assert probe["httpGet"]["port"] == "health"


def test_every_writable_folder_is_one_that_the_image_has_or_a_temporary_one(found_pods):
    for _, _, pod in found_pods:
        for container in pod["containers"]:
            writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
            assert writable <= {"/tmp", "/dev/shm", "/app/store", "/app/registry"}
            assert "/tmp" in writable
            assert all(path in DOCKERFILE for path in writable - {"/tmp", "/dev/shm"})


def test_no_value_of_a_secret_is_in_the_repository():
    for path in (PROJECT / "deploy" / "kubernetes").rglob("*"):
        if path.is_file() and not {"secrets", "__pycache__"} & set(path.parts):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^kind: Secret", text, re.MULTILINE), path
            assert not re.search(r"(password|_key|token)\s*[=:]\s*['\"]?[\w+/=-]{12,}", text, re.IGNORECASE), path
            assert not re.search(r"://[^/\s]*:[^/\s]*@", text), path


def test_git_and_docker_do_not_see_the_files_of_secrets():
    for name in (".gitignore", ".dockerignore"):
        assert "deploy/kubernetes/**/secrets/" in Path(PROJECT / name).read_text(encoding="utf-8").splitlines()
