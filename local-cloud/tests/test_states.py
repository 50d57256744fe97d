"""Rules of AWS for states in JSONata that moto's interpreter has otherwise, each with the smallest machine that shows it."""

import pytest
from machines import output, passing, task, then

CAUGHT = passing("{% 'caught ' & $states.input.Error & ' ' & ($exists($first) ? 'assigned' : 'unassigned') %}")
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]


def test_an_output_that_fails_is_caught(run, function_arn):
    call = then("Done", task(function_arn, {}, Output="{% $states.result.Payload.none %}", Catch=CATCH))
    assert output(run(Call=call, Done=passing("done"), Caught=CAUGHT)) == "caught States.QueryEvaluationError unassigned"


def test_nothing_is_assigned_where_one_value_fails(run, function_arn):
    assign = {"first": 1, "second": "{% $states.result.Payload.none %}"}
    call = then("Done", task(function_arn, {}, Assign=assign, Catch=CATCH))
    assert output(run(Call=call, Done=passing("done"), Caught=CAUGHT)) == "caught States.QueryEvaluationError unassigned"


def test_an_output_that_holds_is_put_out_and_sees_what_the_state_was_given(run, function_arn):
    call = task(function_arn, {}, Output="{% {'status': $states.result.StatusCode, 'given': $states.input.a} %}", Catch=CATCH)
    assert output(run({"a": 1}, Call=call, Caught=CAUGHT)) == {"status": 200, "given": 1}


@pytest.mark.parametrize("seconds", ["1.5", "-1", "'3'", "true", "null"])
def test_a_wait_takes_whole_seconds_alone(run, seconds):
    execution = run(Wait={"Type": "Wait", "Seconds": f"{{% {seconds} %}}", "End": True})
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


@pytest.mark.parametrize("condition", ["1", "null", "'true'"])
def test_a_condition_is_true_or_false(run, condition):
    choose = {"Type": "Choice", "Choices": [{"Condition": f"{{% {condition} %}}", "Next": "Done"}], "Default": "Done"}
    execution = run(Choose=choose, Done=passing("done"))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_choice_without_match_has_an_error_of_its_own(run):
    execution = run(Choose={"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Done"}]}, Done=passing("done"))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.NoChoiceMatched")


def test_the_cause_of_a_failure_is_text(run):
    execution = run(Give={"Type": "Fail", "Error": "Own", "Cause": "{% 1 %}"})
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_literal_is_what_json_says(run):
    text = 'two\nlines, a "quote", a \\ and é'
    assert output(run(Set=then("Show", passing("{% $states.input %}", Assign={"text": text})), Show=passing("{% $text %}"))) == text


def test_variables_that_are_too_large_together_are_refused(run):
    half = "{% $pad('x', 140000) %}"
    execution = run(Set=then("Show", passing("set", Assign={"one": half, "two": half})), Show=passing("shown"))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.DataLimitExceeded")
