"""publish.py sends the package and believes nothing until the functions are listed."""

import zipfile

import cloud
import publish
import pytest


class Azure:
    """The command line, answering with the functions that have appeared after each call."""

    def __init__(self, *listings):
        self.listings = list(listings)
        self.commands = []

    def __call__(self, *arguments):
        self.commands.append(arguments)
        if arguments[:3] == ("functionapp", "function", "list"):
            listing = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
            return [{"name": f"func-test/{name}"} for name in listing]
        return None


@pytest.fixture
def zipped(tmp_path):
    """A package with the entries given."""

    def make(*entries):
        path = tmp_path / "package.zip"
        with zipfile.ZipFile(path, "w") as content:
            for entry in entries:
                content.writestr(entry, "")
        return path

    return make


def run(azure, package, *options, sleeps=None):
    where = ["--resource-group", "rg", "--app", "func-test", "--package", str(package)]
    return publish.main(
        [*where, *options], run=azure, sleep=(sleeps if sleeps is not None else []).append
    )


def test_a_package_without_dependencies_is_built_in_azure(zipped):
    azure = Azure(publish.FUNCTIONS)

    assert run(azure, zipped("host.json")) == cloud.OK
    sent = azure.commands[0]
    assert sent[:4] == ("functionapp", "deployment", "source", "config-zip")
    assert sent[sent.index("--build-remote") + 1] == "true"


def test_a_package_with_dependencies_is_taken_as_it_is(zipped):
    azure = Azure(publish.FUNCTIONS)

    run(azure, zipped("host.json", ".python_packages/lib/site-packages/x.py"))

    sent = azure.commands[0]
    assert sent[sent.index("--build-remote") + 1] == "false"


def test_it_waits_until_every_function_is_there(zipped):
    azure, sleeps = Azure((), ("ingest",), publish.FUNCTIONS), []

    assert run(azure, zipped("host.json"), sleeps=sleeps) == cloud.OK
    assert sleeps == [15, 15]


def test_functions_that_never_appear_are_named(zipped, capsys):
    azure = Azure(publish.FUNCTIONS - {"evaluate"})

    assert run(azure, zipped("host.json"), "--attempts", "3") == cloud.FINDINGS
    assert "not listed: evaluate" in capsys.readouterr().err


def test_azure_that_does_not_answer_is_told_apart(zipped):
    def away(*arguments):
        raise cloud.CloudError("no connection")

    assert run(away, zipped("host.json")) == cloud.NO_ANSWER


def test_a_package_that_is_none_is_a_mistake_of_the_user(tmp_path):
    broken = tmp_path / "package.zip"
    broken.write_text("not a package")

    assert run(Azure(publish.FUNCTIONS), broken) == cloud.USAGE
    assert run(Azure(publish.FUNCTIONS), tmp_path / "missing.zip") == cloud.USAGE


def test_the_outputs_of_the_deployment_name_the_app(monkeypatch, zipped):
    monkeypatch.setenv("AZURE_RESOURCE_GROUP", "rg-env")
    monkeypatch.setenv("AZURE_FUNCTION_NAME", "func-env")
    azure = Azure(publish.FUNCTIONS)

    publish.main(["--package", str(zipped("host.json"))], run=azure)

    assert "rg-env" in azure.commands[0]
    assert "func-env" in azure.commands[0]
