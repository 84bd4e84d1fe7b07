-- Health of a ManagedDevOpsIdentity for Argo CD, which shows a kind without such a script as Healthy from the start.
-- The same questions in the same order as kstatus asks them, but for a suspended object: it has a health of its own here.
local status = obj.status or {}

if obj.spec ~= nil and obj.spec.suspend == true then
  return { status = "Suspended", message = "spec.suspend is true: no request is sent to Azure" }
end

if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at this spec yet" }
end

local questions = {
  { condition = "Reconciling", health = "Progressing" },
  { condition = "Stalled", health = "Degraded" },
  { condition = "Ready", health = "Healthy" },
}
for _, question in ipairs(questions) do
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == question.condition and condition.status == "True" then
      return { status = question.health, message = condition.message }
    end
  end
end

return { status = "Progressing", message = "not ready yet" }
