"""A project with a resource of each access and fields of each type."""

from pathlib import Path

import fireup
from tests.baking import PROJECT, Bake
from tests.serving import environment, run_in

_REQUIRED = """
    name:str=40 body:text slug:slug mail:email phone:phone site:url count:int big:bigint ratio:float
    price:decimal=10,2 open:bool day:date moment:datetime hour:time span:duration code:uuid
    state:enum=draft,live words:list=str facts:json
"""
_OPTIONAL = """
    name1:str=40 body1:text mail1:email phone1:phone site1:url count1:int big1:bigint ratio1:float
    price1:decimal=19,4 open1:bool day1:date moment1:datetime hour1:time span1:duration code1:uuid
    state1:enum=A+,A-,.5 numbers:list=int facts1:json maker:ref=Maker above:ref=Thing
"""
_FILES = ["photo:image:max=2MB", "contract:file:types=pdf,txt"]
_READONLY = ["sold:int:default=0:readonly", "paid_at:datetime:optional:readonly"]
_THING = [*_REQUIRED.split(), *(f"{field}:optional" for field in _OPTIONAL.split())]
RESOURCES = [
    ["Label", "name:str=60:unique", "--access", "shared"],
    ["Maker", "name:str=80"],
    ["Thing", *_THING, *_READONLY, *_FILES, "labels:many=Label"],
    ["Article", "title:str=80:search", "above:ref=Article:optional", "--access", "public"],
    ["Remark", "body:text", "article:ref=Article", "--access", "published"],
    ["Grant", "name:slug:unique", "level:int:default=3", "--access", "admin"],
]


def project_with_every_field_type(bake: Bake) -> tuple[Path, str]:
    """Generate the project. Returns its folder, and the Python that has its packages."""
    project, python = bake(), fireup.install(PROJECT / "requirements-dev.txt")
    for arguments in RESOURCES:
        command = [python, "-m", "app", "new", "resource", *arguments]
        done = run_in(project, command, **environment(), SECRET_KEY="only files are written")  # noqa: S106
        assert done.returncode == 0, done.stdout
    return project, python
