# How the language's calls take their arguments, and what they refuse.

class ArgumentsError < ArgumentError; end

# A call of Sonic Pi's that the built-in player has not.
class MissingError < StandardError; end

module Options
  def self.list?(value) = value.is_a?(Array) || value.is_a?(Vector)

  # A hash from what follows a call's first arguments: hashes, then keys and values in turn.
  def self.of(opts)
    case opts
    when nil then {}
    when Hash then opts
    when SPMap then opts.to_h
    else
      opts = opts.to_a
      hashes = opts.take_while { |opt| opt.is_a?(Hash) || opt.is_a?(SPMap) }
      rest = opts.drop(hashes.size)
      raise ArgumentsError, "There must be an even number of trailing synth args" if rest.size.odd?

      hashes.inject({}) { |all, hash| all.merge(hash.to_h) }.merge(Hash[*rest])
    end
  end

  # What comes before the first hash, and all hashes as one.
  def self.split(args)
    first = args.take_while { |arg| !arg.is_a?(Hash) }
    [first, args.drop(first.size).inject({}) { |all, hash| all.merge(hash) }]
  end

  def self.truthy?(value)
    case value
    when Numeric then value != 0
    when Proc then truthy?(value.call)
    else value == true
    end
  end
end

module Blocks
  def self.need(name, block)
    raise ArgumentError, "#{name} must be called with a do/end block" unless block
  end

  def self.refuse(name, instead, block)
    raise ArgumentError, "#{name} does not work with a do/end block. Perhaps you meant #{instead}" if block
  end

  def self.number(name, value)
    raise ArgumentError, "#{name} must be a number, got #{value.inspect}" unless value.is_a?(Numeric)
  end
end
