"""What a statement does to the globals beside binding them: which objects it changes in place.

Nothing is executed, so this follows names. What a statement assigns into, or is a call of a method
of, it changes for certain; what it passes to a function of the file, it may change.
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from a3lib.kit.source.bindings import names_of
from a3lib.kit.source.changes import at_once, changes_in, roots, shared_by
from a3lib.kit.source.code_texts import FUNCTIONS, IMPORTS, bound_by
from a3lib.kit.source.namespaces import ALL, bound_through_namespaces, is_this_module

ITERATORS = {"iter", "map", "filter", "zip", "enumerate", "reversed", "itertools", "cycle", "count"}
DRAWING = ("matplotlib", "seaborn", "plotly", "bokeh", "altair")


@dataclass(frozen=True)
class Effects:
    """The globals that a statement binds, reads at once, and changes in place.

    `reached` has what it reads, and what the functions among that read when they are called.
    `changed` and `bound` are certain. `touched` has those that it may change or bind, through a
    call's arguments or a function that it mentions.
    """

    bound: frozenset[str]
    read: frozenset[str]
    reached: frozenset[str]
    changed: frozenset[str]
    touched: frozenset[str]

    @property
    def certain(self) -> frozenset[str]:
        """Return the globals that are others afterwards, for certain."""
        return self.bound | self.changed

    @property
    def possible(self) -> frozenset[str]:
        """Return the globals that may be others afterwards."""
        return self.certain | self.touched


@dataclass
class Sharing:
    """Which names hold (parts of) the objects of which others."""

    holds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    held: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, name: str, other: str, both_ways: bool = True) -> None:
        """Take in that one name holds the object of another.

        Where it is not `both_ways`, only a change of the other counts for the one.
        """
        self.held[other].add(name)
        if both_ways:
            self.holds[name].add(other)

    def among(self, names: Iterable[str]) -> set[str]:
        """Return the names whose objects are changed where those of some names are."""
        names = set(names)
        return reached_from(names, self.holds) | reached_from(names, self.held)


@dataclass
class Objects:
    """Which names mention which, and which hold parts of the same object.

    What a file says of names that are `supplied` by others does not count, and nothing can change
    `constants`.
    """

    supplied: Set[str]
    constants: Set[str]
    aliases: Set[str]  # names for the module itself and for the dictionary of its names
    definitions: Set[str]
    mentions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    holding: Sharing = field(default_factory=Sharing)
    perhaps: Sharing = field(default_factory=Sharing)  # through calls, too
    modules: set[str] = field(default_factory=set)
    drawing: set[str] = field(default_factory=set)  # of the modules, those that draw
    functions: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    rebinds: dict[str, frozenset[str]] = field(default_factory=dict)  # what a call of it binds
    changes: dict[str, set[str]] = field(default_factory=dict)  # what a call of it may change
    stateful: set[str] = field(default_factory=set)  # of the functions, those that keep something
    iterators: set[str] = field(default_factory=set)  # Reading one moves it on.

    def note(self, node: ast.stmt) -> None:
        """Take in a statement."""
        names = names_of(node)
        reads = names.read | names.later
        everything = {ALL} if any(map(is_this_module, ast.walk(node))) else set()
        for name in names.bound - self.supplied:
            self.mentions[name] |= reads | everything
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self.changes[node.name] = changes_in(ast.walk(node)).all() & reads
            hidden = bound_through_namespaces(ast.walk(node), self.aliases)
            self.rebinds[node.name] = names.reassigned | hidden
            if keeps_state(node) or node.name in self.changes[node.name]:
                self.stateful.add(node.name)
        elif any(isinstance(part, ast.Lambda) for part in ast.walk(node)):
            changed = changes_in(ast.walk(node)).all() & reads
            for name in names.bound:
                self.changes[name] = self.changes.get(name, set()) | changed
        if isinstance(node, ast.Assign) and makes_iterator(node.value, self.definitions):
            self.iterators |= names.bound
        if isinstance(node, FUNCTIONS):
            self.functions.add(node.name)
        if isinstance(node, ast.ClassDef):
            self.methods |= {part.name for part in node.body if isinstance(part, FUNCTIONS)}
        for part in ast.walk(node):
            if isinstance(part, IMPORTS):
                imported = {bound_by(alias) for alias in part.names}
                module = getattr(part, "module", None) or part.names[0].name
                self.modules |= imported
                self.drawing |= imported if module.startswith(DRAWING) else set()
        for name, other, is_sure in shared_by(node, self.definitions):
            if {name, other} & (self.supplied | self.constants | self.modules):
                continue
            self.perhaps.note(name, other, both_ways=not isinstance(node, ast.Expr))
            if is_sure:
                self.holding.note(name, other)

    def bound_by_calls(self, reach: Set[str]) -> set[str]:
        """Return what is bound without a call at the top level: there, or by what is reached."""
        return {*self.mentions}.union(*(self.rebinds.get(name, ()) for name in reach))

    def effects_of(self, node: ast.stmt) -> Effects:
        """Return what a statement does."""
        names = names_of(node)
        found = changes_in(at_once(node))
        read = set(names.read)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            read.add(node.target.id)
        # Without a global of its name, a function of Python's is there again.
        bound = {*names.bound}
        bound &= {*dir(builtins)} if isinstance(node, ast.Delete) else bound
        bound |= bound_through_namespaces(at_once(node), self.aliases)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            bound.add(ALL)
        # A call of a module's function changes nothing of that module.
        changed = found.certain | (found.called_on - self.modules)
        touched = (found.used | (read & self.iterators)) - self.modules
        # An object that is called may change itself, and what it was made with.
        touched |= found.called - (self.functions - self.stateful)
        for name, is_statement, passed in found.passed:
            own = name in self.methods or name in self.changes
            if own or (is_statement and name in self.modules - self.drawing):
                touched |= passed
        mentioned = reached_from(read, self.mentions)
        for name in mentioned & self.rebinds.keys():
            touched |= self.changes[name]
        touched = self.perhaps.among(touched | changed)
        for name in touched & self.changes.keys():
            touched |= self.changes[name]
        # What a function of the file returns may be anything that it reads.
        for name in touched & self.functions:
            touched |= reached_from([name], self.mentions)
        # What is passed on of these stays as it is.
        fixed = (self.functions - self.stateful) | self.modules
        touched = self.perhaps.among(touched) - fixed
        touched = (touched & self.mentions.keys()) - self.constants
        for name in mentioned & self.rebinds.keys():
            touched |= self.rebinds[name]
        return Effects(
            frozenset(bound),
            frozenset(read),
            frozenset(mentioned),
            frozenset(self.holding.among(changed)),
            frozenset(touched),
        )


def keeps_state(node: ast.stmt) -> bool:
    """Say whether a function has a default, or a class an attribute, that calls may change."""
    if isinstance(node, ast.ClassDef):
        return any(not isinstance(part, FUNCTIONS) for part in node.body[1:]) or not isinstance(
            node.body[0], (*FUNCTIONS, ast.Pass, ast.Expr)
        )
    arguments: ast.arguments = node.args  # type: ignore[attr-defined]
    values = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
    return any(not isinstance(value, (ast.Constant, ast.Name, ast.Attribute)) for value in values)


def makes_iterator(node: ast.expr, definitions: Set[str]) -> bool:
    """Say whether an expression makes what can be gone through once, as far as it can be seen."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.GeneratorExp)
    names = roots(node.func)
    return bool(names & ITERATORS or names & definitions)


def reached_from(names: Iterable[str], mentions: Mapping[str, set[str]]) -> set[str]:
    """Return the names that can be reached from some names, these included."""
    reached, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += mentions.get(name, ())
    return reached
