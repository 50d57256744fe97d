"""States in JSONata, where moto 5.2.5 decides otherwise than AWS; each seam says what happens without it.

Sources: Step Functions developer guide, "Passing data between states with variables", "Handling errors in Step Functions
workflows" and "Choice workflow state"; Amazon States Language specification; what others have measured on AWS (floci-io/floci,
issues 2665, 2736, 2737 and 2745).
"""

import json

from moto.stepfunctions.parser import quotas
from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import ConditionStringJSONata
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.fail.cause_decl import Cause
from moto.stepfunctions.parser.asl.component.state.fail.error_decl import Error
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import SecondsJSONata
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from local_cloud.failures import evaluation_failed, state_failed


def install() -> None:
    _assign_all_or_nothing()
    _catch_what_an_output_raises()
    _wait_for_whole_seconds()
    _hold_to_types()
    _name_a_choice_without_match()
    _read_literals_as_json()


def _assign_all_or_nothing() -> None:
    # AWS evaluates Assign and Output side by side, both from the variables as they were when the state was entered, and
    # assigns nothing where one of them fails. moto assigns one after the other, so that Output sees the new values, and the
    # first stays though the second fails. Nor does it see that values are larger together than a state may assign.
    def keep_for_later(self: AssignDecl, env) -> None:
        values = {}
        for declaration in self.declaration_bindings:
            declaration.eval(env=env)
            values |= env.stack.pop()
        env.assigned = values

    exited = CommonStateField._get_state_exited_event_details

    def assign_and_exit(self: CommonStateField, env):
        values = env.__dict__.pop("assigned", {})
        if not quotas.is_within_size_quota(values):
            raise state_failed(env, StatesErrorNameType.StatesStatesDataLimitExceeded, f"{self.name} assigns more than a state may.")
        for name, value in values.items():
            env.variable_store.set(name, value)
        return exited(self, env)

    AssignDecl._eval_body = keep_for_later
    CommonStateField._get_state_exited_event_details = assign_and_exit


def _catch_what_an_output_raises() -> None:
    # moto evaluates the Output of a task when its Retry and Catch are behind it: the execution fails.
    evaluate = ExecutionState._evaluate_with_timeout

    def evaluate_with_output(self: ExecutionState, env) -> None:
        evaluate(self, env)
        if self.output:
            self.output.jsonata_template_value.eval(env=env)
            env.put_out = env.stack.pop()

    def put_out(self: ExecutionState, env) -> None:
        if isinstance(env.stack[-1], CatchOutcome):
            return
        if self.output:
            env.states.reset(input_value=env.__dict__.pop("put_out"))
        else:
            CommonStateField._eval_state_output(self, env=env)

    ExecutionState._evaluate_with_timeout = evaluate_with_output
    ExecutionState._eval_state_output = put_out


def _wait_for_whole_seconds() -> None:
    # moto makes a number of anything: 1 of 1.5, and 3 of '3'.
    def seconds(self: SecondsJSONata, env) -> int:
        self.string_jsonata.eval(env=env)
        value = env.stack.pop()
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise evaluation_failed(env, f"Seconds is no whole number that is not negative: {json.dumps(value)}")
        return value

    SecondsJSONata._get_wait_seconds = seconds


def _hold_to_types() -> None:
    # moto passes a number on as the Cause of a failure, and fails with States.Runtime where a Condition is no boolean.
    def held_to(component: type, attribute: str, wanted: type) -> None:
        def evaluate(self, env) -> None:
            getattr(self, attribute).eval(env=env)
            if not isinstance(env.stack[-1], wanted):
                raise evaluation_failed(env, f"{component.__name__} is no {wanted.__name__}: {json.dumps(env.stack[-1])}")

        component._eval_body = evaluate

    held_to(ConditionStringJSONata, "string_jsonata", bool)
    held_to(Cause, "string_expression", str)
    held_to(Error, "string_expression", str)


def _name_a_choice_without_match() -> None:
    # moto fails with States.Runtime.
    evaluate = StateChoice._eval_state

    def evaluate_or_name(self: StateChoice, env) -> None:
        try:
            evaluate(self, env)
        except RuntimeError as error:
            if self.default_state is not None:
                raise
            raise state_failed(env, StatesErrorNameType.StatesNoChoiceMatched, str(error)) from error

    StateChoice._eval_state = evaluate_or_name


def _read_literals_as_json() -> None:
    # moto leaves the escapes of a literal as they are in the definition's source: "\n" is two letters.
    inner = Preprocessor._inner_string_of

    def inner_string(parser_rule_context) -> str | None:
        text = parser_rule_context.getText()
        if len(text) > 1 and text.startswith('"') and text.endswith('"'):
            return json.loads(text)
        return inner(parser_rule_context)

    Preprocessor._inner_string_of = staticmethod(inner_string)
